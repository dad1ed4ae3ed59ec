"""The demo's people: names, addresses and the ways in which one person looks like two, or two like one."""

import random
import unicodedata
from dataclasses import dataclass, field, replace

GIVEN = (
    "María José;Camila;Valentina;Francisca;Constanza;Javiera;Fernanda;Daniela;Carolina;Paula;Antonia;Catalina;Ximena;Rocío;Lorena;Teresa;"
    "Gabriela;Mónica;Patricia;Verónica;Alejandra;Claudia;Marcela;Soledad;Elena;Juan Pablo;Francisco;Diego;Matías;Sebastián;Cristóbal;"
    "Rodrigo;Felipe;Ignacio;Nicolás;Andrés;Tomás;Vicente;Benjamín;Roberto;José;Manuel;Gonzalo;Pedro;Luis;Hernán;Esteban;Mauricio;Raúl;Óscar"
).split(";")
SURNAMES = (
    "González;Muñoz;Rojas;Díaz;Pérez;Soto;Contreras;Silva;Martínez;Sepúlveda;Morales;Rodríguez;López;Fuentes;Hernández;Torres;Araya;Flores;"
    "Espinoza;Valenzuela;Castillo;Tapia;Reyes;Gutiérrez;Castro;Pizarro;Álvarez;Vásquez;Sánchez;Fernández;Ramírez;Carrasco;Gómez;Cortés;"
    "Herrera;Núñez;Jara;Vergara;Rivera;Figueroa;Riquelme;García;Miranda;Bravo;Vera;Molina;Vega;Campos;Sandoval;Orellana;Cárdenas;Olivares"
).split(";")
NICKNAMES = {
    "Francisco": "Pancho",
    "José": "Pepe",
    "Roberto": "Beto",
    "Teresa": "Tere",
    "Francisca": "Fran",
    "Ignacio": "Nacho",
    "Manuel": "Manolo",
}
CITIES = ("Santiago", "Valparaíso", "Viña del Mar", "Concepción", "La Serena", "Temuco", "Puerto Montt", "Rancagua", "Antofagasta", "Talca")
MAIL_HOSTS = ("correo.example", "mail.example", "casilla.example", "buzon.example")


@dataclass(frozen=True)
class Person:
    """Somebody real, with every address they own. ``spellings`` are the names under which they appear, the first is theirs."""

    name: str
    surnames: str
    email: str
    wa_id: str
    instagram: str
    username: str
    city: str
    channels: tuple[str, ...]
    spellings: tuple[str, ...] = ()
    other_email: str = ""
    role: str = "single"  # single | duplicate | family | mailbox
    opted_out: bool = False
    family: tuple[str, ...] = field(default=())

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.surnames}"


def folded(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if c.isascii() and c.isalnum())


def make_people(*, count: int, rng: random.Random, start: int) -> list[Person]:
    """``count`` people; ``start`` keeps phone and Instagram numbers of different accounts apart.

    About one in ten looks like two (another spelling and a second mailbox, the same phone); three families share a phone
    each; five colleagues write from one generic mailbox; one in twenty has asked for no more promotions.
    """
    people: list[Person] = []
    while len(people) < count:
        people.append(_person(start + len(people), rng))
    for index in range(0, count, 10):
        person = people[index]
        short = NICKNAMES.get(person.name, person.name[0] + ".")
        people[index] = replace(
            person,
            role="duplicate",
            channels=("whatsapp", "email", "webchat"),
            spellings=(person.full_name, f"{short} {person.surnames.split()[0]}"),
            other_email=f"{folded(person.surnames.split()[0])}.{folded(person.name)[:3]}{index}@{rng.choice(MAIL_HOSTS)}",
        )
    for index in range(3, min(count - 2, 27), 8):
        _make_family(people, index, rng)
    mailbox = "info@ferreteria-sur.example"
    for index in range(5, min(count, 50), 10):
        people[index] = replace(people[index], role="mailbox", email=mailbox, channels=("email",))
    for index in range(7, count, 20):
        people[index] = replace(people[index], opted_out=True)
    return people


def _person(number: int, rng: random.Random) -> Person:
    name, first, second = rng.choice(GIVEN), rng.choice(SURNAMES), rng.choice(SURNAMES)
    handle = f"{folded(name)}.{folded(first)}{number % 97}"
    channels = rng.choices(
        [("whatsapp",), ("email",), ("instagram",), ("webchat",), ("whatsapp", "email"), ("webchat", "email"), ("whatsapp", "instagram")],
        weights=[34, 20, 10, 8, 14, 8, 6],
    )[0]
    return Person(
        name=name,
        surnames=f"{first} {second}",
        email=f"{handle}@{rng.choice(MAIL_HOSTS)}",
        wa_id=f"569{81000000 + number * 137 % 9000000:08d}",
        instagram=f"178{number:014d}",
        username=handle.replace(".", "_"),
        city=rng.choice(CITIES),
        channels=channels,
        spellings=(f"{name} {first} {second}",),
    )


def _make_family(people: list[Person], index: int, rng: random.Random) -> None:
    """Two or three relatives with one surname who write from one WhatsApp number."""
    head = people[index]
    members = [index + offset for offset in (1, 2)[: rng.randint(1, 2)]]
    surname = head.surnames.split()[0]
    people[index] = replace(head, role="family", channels=("whatsapp",))
    for member in members:
        relative = people[member]
        people[member] = replace(
            relative,
            role="family",
            surnames=f"{surname} {relative.surnames.split()[1]}",
            wa_id=head.wa_id,
            channels=("whatsapp",),
            spellings=(f"{relative.name} {surname}",),
        )
