"""Made-up Latin American people for measuring: who they are, whom they share a phone with, and how they are written down.

Seeded, so that a figure can be repeated. What makes matching hard is in it: families on one phone, fathers and sons of one name,
twins, switchboards, team mailboxes, recycled numbers, somebody else's address, nicknames, typos, four spellings of a phone.
"""

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from zlib import crc32

COLUMNS = (
    "id", "name", "email", "phone", "handle", "channel", "country", "date_of_birth", "street", "city", "postcode", "region", "national_id",
)  # fmt: skip
# One record in twelve and a half is somebody again.
DUPLICATES = 0.08
MORE_THAN_ONCE = 0.0669

WOMEN = """maría ana rosa carmen juana teresa claudia patricia sandra mónica andrea carolina daniela paula camila valentina sofía
martina isabella gabriela fernanda francisca javiera constanza catalina antonia florencia lucía julia elena laura marta silvia
verónica alejandra lorena paola natalia viviana gloria luz adriana diana ángela beatriz cecilia cristina elizabeth esperanza
guadalupe josefina leticia lourdes margarita mercedes norma olga pilar raquel rocío susana victoria yolanda ximena renata
mariana regina jimena abril emilia agustina pía macarena bárbara nicole karen jessica yesenia""".split()
MEN = """juan josé luis carlos jorge pedro manuel francisco miguel jesús antonio alejandro daniel david fernando ricardo roberto
eduardo rafael sergio mario víctor raúl javier alberto enrique arturo óscar andrés diego sebastián matías nicolás santiago
mateo benjamín vicente martín joaquín tomás felipe ignacio gabriel cristián rodrigo gonzalo pablo marcelo mauricio héctor hugo
julio césar iván guillermo gustavo ernesto armando alfredo álvaro claudio emilio esteban fabián gerardo gilberto ramón
rubén salvador samuel simón ulises wilson edison jhon brayan kevin""".split()
MULHERES = """maria ana francisca antônia adriana juliana márcia fernanda patrícia aline sandra camila amanda bruna jéssica
letícia júlia luciana vanessa mariana gabriela vera vitória larissa cláudia beatriz rita luana sônia renata eliane
josefa simone natália cristiane carla débora rosângela jaqueline rosa daniela aparecida marlene terezinha raimunda""".split()
HOMENS = """josé joão antônio francisco carlos paulo pedro lucas luiz marcos luís gabriel rafael daniel marcelo bruno eduardo
felipe raimundo rodrigo manoel mateus andré fernando fábio leonardo gustavo guilherme leandro tiago anderson ricardo márcio
jorge sebastião alexandre roberto edson diego vitor sérgio cláudio matheus thiago geraldo adriano luciano júlio renato""".split()
APELLIDOS = """gonzález rodríguez garcía martínez lópez hernández pérez sánchez ramírez torres flores rivera gómez díaz reyes
morales cruz ortiz gutiérrez chávez ramos ruiz álvarez mendoza vásquez castillo jiménez moreno romero herrera medina aguilar
vargas castro guzmán muñoz fernández rojas contreras silva soto sepúlveda araya fuentes espinoza valenzuela tapia bravo
núñez figueroa cortés carrasco vera riquelme cárdenas molina salazar delgado peña ríos alvarado sandoval campos vega leiva
pizarro godoy navarro parra escobar henríquez cáceres garrido zúñiga acosta benítez cabrera domínguez ponce miranda luna
maldonado ibarra estrada solís juárez cervantes guerrero mejía ayala suárez velázquez franco rosales serrano bustos orellana
saavedra palma olivares venegas farías donoso inostroza quezada mamani quispe condori huamán ojeda páez ledesma ferreyra
sosa aguirre giménez villalba correa arias cardozo quiroga lescano bustamante restrepo ospina zapata cardona giraldo
londoño arango montoya betancur echeverri jaramillo uribe velásquez quintero pineda beltrán galindo""".split()
SOBRENOMES = """silva santos oliveira souza rodrigues ferreira alves pereira lima gomes costa ribeiro martins carvalho almeida
lopes soares fernandes vieira barbosa rocha dias nascimento andrade moreira nunes marques machado mendes freitas cardoso
ramos gonçalves santana teixeira araújo pinto cavalcanti moura campos batista barros farias azevedo cunha correia""".split()
NICKNAMES = {
    "maría": "mari maru", "francisca": "fran pancha", "josé": "pepe", "francisco": "pancho paco fran", "guadalupe": "lupita lupe",
    "alejandra": "ale jani", "alejandro": "ale jano", "ignacio": "nacho", "jesús": "chuy", "eduardo": "lalo edu", "fernanda": "fer feña",
    "daniela": "dani", "daniel": "dani", "roberto": "beto tito", "alberto": "beto", "teresa": "tere", "patricia": "paty pati",
    "carolina": "caro", "valentina": "vale", "gabriela": "gabi", "constanza": "coni cony", "catalina": "cata", "sebastián": "seba",
    "cristián": "cris", "rodrigo": "rodri", "nicolás": "nico", "matías": "mati", "benjamín": "benja", "javiera": "javi",
    "guillermo": "memo", "enrique": "quique kike", "manuel": "manolo", "rafael": "rafa", "gonzalo": "gonza", "antonio": "toño",
    "luis": "lucho", "jorge": "coke", "sergio": "checo", "beatriz": "bea bety", "verónica": "vero", "mónica": "moni",
    "juan": "juanito juancho", "pedro": "pedrito", "ana": "anita", "rosa": "rosita", "carlos": "carlitos charly", "ricardo": "richi",
    "leticia": "lety", "susana": "susy", "natalia": "nati naty", "victoria": "vicky", "isabella": "isa", "joão": "joãozinho",
    "fernando": "nando fer", "luiz": "luizinho", "juliana": "ju", "mariana": "mari nana", "ernesto": "neto", "mauricio": "mau",
}  # fmt: skip
CITIES = {
    "CL": "santiago:44 valparaíso:6 viña_del_mar:7 concepción:8 antofagasta:6 la_serena:5 temuco:5 rancagua:5 talca:4 iquique:4 osorno:3",
    "MX": "ciudad_de_méxico:30 guadalajara:12 monterrey:12 puebla:8 tijuana:7 león:6 mérida:5 querétaro:5 toluca:4 cancún:4 oaxaca:3",
    "AR": "buenos_aires:38 córdoba:12 rosario:10 mendoza:7 la_plata:6 tucumán:6 mar_del_plata:5 salta:4 neuquén:3 posadas:2",
    "CO": "bogotá:32 medellín:16 cali:13 barranquilla:8 cartagena:6 bucaramanga:5 pereira:4 manizales:3 pasto:2",
    "BR": "são_paulo:34 rio_de_janeiro:18 belo_horizonte:10 salvador:8 fortaleza:7 curitiba:6 recife:6 porto_alegre:5 goiânia:4",
}
STREETS = """los_aromos las_acacias san_martín libertad independencia o'higgins prat bolívar colón juárez hidalgo reforma
las_rosas los_pinos el_roble sucre belgrano mitre rivadavia montt balmaceda san_josé santa_rosa la_paz central norte""".split()
MAILERS = "gmail.com:62 hotmail.com:17 outlook.com:8 yahoo.com:7 icloud.com:4 live.com:2"
CHANNELS = "whatsapp:34 webchat:14 form:14 email:14 instagram:9 crm:15"
SYLLABLES = """ba be bo ca co cha che da de do fa fi ga gu ja jo la le li lo ma me mo na ne no pa pe po ra re ri ro sa se so ta te to
va vi ya zu""".split()


@dataclass
class Person:
    """Somebody, with all that they could be asked. ``household`` and ``workplace`` number those they share something with."""

    number: int
    country: str
    givens: list[str]
    surnames: list[str]
    woman: bool
    city: str
    street: str
    postcode: str
    born: str
    phones: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    handle: str = ""
    national_id: str = ""
    household: int = 0
    workplace: int = 0


class Choice:
    """A weighted choice."""

    def __init__(self, weighted: str) -> None:
        pairs = [word.split(":") for word in weighted.split()]
        self.words = [word.replace("_", " ") for word, _weight in pairs]
        self.weights = list(accumulate(int(weight) for _word, weight in pairs))

    def __call__(self, chance: random.Random) -> str:
        return chance.choices(self.words, cum_weights=self.weights)[0]


def _by_rank(words: list[str], steep: float) -> "partial[str]":
    """Common words first, as names are: the nth has a share of one in n to the power of ``steep``."""
    weights = list(accumulate(1 / (rank + 3) ** steep for rank in range(len(words))))
    return partial(_pick, words, weights)


def _pick(words: list[str], weights: list[float], chance: random.Random) -> str:
    return chance.choices(words, cum_weights=weights)[0]


GIVEN = {(False, True): _by_rank(WOMEN, 0.9), (False, False): _by_rank(MEN, 0.9)}
GIVEN |= {(True, True): _by_rank(MULHERES, 0.9), (True, False): _by_rank(HOMENS, 0.9)}
SURNAME = {False: _by_rank(APELLIDOS, 0.8), True: _by_rank(SOBRENOMES, 0.8)}
COUNTRY = Choice("CL:30 MX:28 AR:18 BR:14 CO:10")
CITY = {country: Choice(weighted) for country, weighted in CITIES.items()}
MAILER = Choice(MAILERS)
CHANNEL = Choice(CHANNELS)


class World:
    """Everybody that ``count`` records speak of."""

    def __init__(self, *, count: int, seed: int) -> None:
        self.count = count
        self.chance = random.Random(seed)  # noqa: S311
        self.people = self.households = self.workplaces = 0
        self.earlier: list[Person] = []
        self.taken: set[int] = set()

    def records(self) -> Iterator[tuple[Person, dict[str, str]]]:
        """Each record with the person it is of, until there are enough."""
        made = 0
        while made < self.count:
            for person in self._unit():
                self._remember(person)
                for _again in range(self._times()):
                    if made == self.count:
                        return
                    made += 1
                    yield person, {"id": f"r{made}", **self._written_down(person)}

    def _times(self) -> int:
        if self.chance.random() >= MORE_THAN_ONCE:
            return 1
        return self.chance.choices((2, 3, 4), (75, 20, 5))[0]

    def _remember(self, person: Person) -> None:
        """Some of those seen, for numbers given to somebody else and for addresses typed wrongly."""
        if len(self.earlier) < 5000:
            self.earlier.append(person)
        elif self.chance.random() < 0.05:
            self.earlier[self.chance.randrange(5000)] = person

    def _unit(self) -> list[Person]:
        kind = self.chance.random()
        if kind < 0.04:
            return self._family()
        if kind < 0.0415:
            return self._colleagues()
        return [self._person()]

    def _person(self, country: str = "", woman: bool | None = None) -> Person:
        chance = self.chance
        self.people += 1
        country = country or COUNTRY(chance)
        brazil = country == "BR"
        woman = chance.random() < 0.5 if woman is None else woman
        givens = [GIVEN[brazil, woman](chance)]
        if chance.random() < 0.45 and (second := GIVEN[brazil, woman](chance)) != givens[0]:
            givens.append(second)
        person = Person(
            number=self.people,
            country=country,
            givens=givens,
            surnames=[self._surname(brazil), self._surname(brazil)],
            woman=woman,
            city=CITY[country](chance),
            street=f"{chance.choice(STREETS).replace('_', ' ')} {chance.randrange(1, 9999)}",
            postcode=str(chance.randrange(10000, 99999)),
            born=f"{chance.randrange(1945, 2008)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
            national_id=str(chance.randrange(10_000_000, 999_999_999)),
        )
        person.phones = [self._phone(country)] + ([self._phone(country)] if chance.random() < 0.2 else [])
        if chance.random() < 0.004 and self.earlier:
            former = chance.choice(self.earlier)
            if former.country == country:
                person.phones[0] = former.phones[0]
        person.emails = [self._email(person)] + ([self._email(person)] if chance.random() < 0.25 else [])
        person.handle = self._nick(person)
        return person

    def _surname(self, brazil: bool) -> str:
        if self.chance.random() < 0.15:
            return "".join(self.chance.choices(SYLLABLES, k=self.chance.choice((3, 3, 4)))) + self.chance.choice(("", "n", "z", "s"))
        return SURNAME[brazil](self.chance)

    def _family(self) -> list[Person]:
        chance = self.chance
        self.households += 1
        father, mother = self._person(woman=False), None
        mother = self._person(country=father.country, woman=True)
        children = [self._person(country=father.country) for _child in range(chance.choice((0, 1, 1, 2, 2, 3)))]
        for number, child in enumerate(children):
            child.surnames = [father.surnames[0], mother.surnames[0]]
            # Sisters and brothers are not called alike.
            while child.givens[0] in {other.givens[0] for other in children[:number]}:
                child.givens[0] = GIVEN[father.country == "BR", child.woman](chance)
        if children and not children[0].woman and chance.random() < 0.08:
            children[0].givens[0] = father.givens[0]
        if len(children) > 1 and chance.random() < 0.06:
            children[1].born = children[0].born
        family = [father, mother, *children]
        shared = chance.choice(family).phones[0]
        users = chance.sample(family, chance.randrange(2, len(family) + 1)) if chance.random() < 0.6 else []
        for person in family:
            person.household, person.city, person.street, person.postcode = self.households, father.city, father.street, father.postcode
            if person in users and chance.random() < 0.85:
                person.phones[0] = shared
        if chance.random() < 0.12:
            for person in chance.sample(family, 2):
                person.emails[0] = mother.emails[0]
        return family

    def _colleagues(self) -> list[Person]:
        chance = self.chance
        self.workplaces += 1
        first = self._person()
        size = min(80, 4 + int(chance.expovariate(1 / 15)))
        team = [first, *(self._person(country=first.country) for _other in range(size))]
        company = "".join(chance.choices(SYLLABLES, k=4))
        role = chance.choice(("info", "contacto", "ventas", "oficina", "equipo", company))
        mailbox = f"{role}@{company}.com" if chance.random() < 0.7 else f"{company}{chance.randrange(10, 99)}@gmail.com"
        switchboard = self._phone(first.country)
        for person in team:
            person.workplace, person.city = self.workplaces, first.city
            if chance.random() < 0.6:
                person.phones[0] = switchboard
            if chance.random() < 0.5:
                person.emails[0] = mailbox
        return team

    def _phone(self, country: str) -> str:
        """The number as it is dialled in the country today, behind its prefix: digits only."""
        chance = self.chance
        if country == "CL":
            return f"569{chance.randrange(30000000, 99999999)}"
        if country == "MX":
            return f"52{chance.choice(('55', '33', '81', '22', '66', '99'))}{chance.randrange(10000000, 99999999)}"
        if country == "AR":
            return f"549{chance.choice(('11', '35', '34', '26'))}{chance.randrange(10000000, 69999999)}"
        if country == "CO":
            return f"573{chance.randrange(0, 24):02}{chance.randrange(1000000, 9999999)}"
        return f"55{chance.choice(('11', '21', '31', '71', '41'))}9{chance.randrange(60000000, 99999999)}"

    def _nick(self, person: Person) -> str:
        chance = self.chance
        first, last = (_plain(person.givens[0]), _plain(person.surnames[0]))
        number = chance.choice((person.born[2:4], person.born[:4], str(chance.randrange(1, 999)), "", ""))
        sep = chance.choice(("", "", ".", "_"))
        shape = chance.random()
        if shape < 0.4:
            return f"{first}{sep}{last}{number}"
        if shape < 0.6:
            return f"{first[0]}{sep}{last}{number}"
        if shape < 0.75:
            return f"{first}{sep}{last[:3]}{number or chance.randrange(10, 999)}"
        if shape < 0.9:
            return f"{last}{sep}{first}{number}"
        return f"{''.join(chance.choices(SYLLABLES, k=3))}{number or chance.randrange(10, 99)}"

    def _email(self, person: Person) -> str:
        """An address that nobody else owns."""
        domain, local = MAILER(self.chance), self._nick(person)
        while hash_of(f"{local}@{domain}".replace(".", "")) in self.taken:
            local = f"{local}{self.chance.randrange(10)}"
        self.taken.add(hash_of(f"{local}@{domain}".replace(".", "")))
        return f"{local}@{domain}"

    # How somebody is written down, once -----------------------------------------------------------------------------------

    def _written_down(self, person: Person) -> dict[str, str]:
        chance = self.chance
        channel = CHANNEL(chance)
        asked = {
            "whatsapp": (1.0, 0.04, 0.0, 0.0), "webchat": (0.45, 0.80, 0.0, 0.0), "form": (0.75, 0.85, 0.10, 0.15),
            "email": (0.10, 1.0, 0.0, 0.0), "instagram": (0.08, 0.05, 0.0, 0.0), "crm": (0.85, 0.70, 0.35, 0.45),
        }[channel]  # fmt: skip
        row = {"channel": channel, "country": person.country if chance.random() < 0.9 else ""}
        row["name"] = self._name(person, channel)
        if chance.random() < asked[0]:
            row["phone"] = self._spelled(self._some_phone(person, channel), person.country, channel)
        if chance.random() < asked[1]:
            row["email"] = self._some_email(person, channel)
        if channel == "instagram":
            row["handle"] = person.handle
        if chance.random() < asked[2]:
            row["national_id"] = self._slip(person.national_id, 0.02)
            row["date_of_birth"] = self._slip(person.born, 0.02)
        if chance.random() < asked[3]:
            row["street"] = self._slip(f"{chance.choice(('', '', 'Av. ', 'Calle '))}{person.street.title()}", 0.05)
            row["postcode"] = self._slip(person.postcode, 0.03)
        if chance.random() < max(asked[3], 0.25):
            # People move, or live in one town and work in another.
            city = person.city if chance.random() < 0.93 else CITY[person.country](chance)
            row["city"] = self._slip(city.title(), 0.03)
        return row

    def _some_phone(self, person: Person, channel: str) -> str:
        draw = self.chance.random()
        if channel != "whatsapp" and draw < 0.01:
            return self.chance.choice(("999999999", "00000000", "123456789"))
        return person.phones[-1] if draw > 0.9 else person.phones[0]

    def _spelled(self, digits: str, country: str, channel: str) -> str:
        """Four spellings: as WhatsApp names it, international, national, and the way the plan was before."""
        chance = self.chance
        if channel == "whatsapp" or len(digits) < 11:
            return self._old_plan(digits, country) if chance.random() < 0.5 else digits
        if channel != "crm" or chance.random() < 0.7:
            digits = self._slip(digits, 0.012, only_digits=True)
        national = digits[2:]
        spelling = chance.randrange(4)
        if spelling == 0:
            return f"+{digits[:2]} {national[:-8]} {national[-8:-4]} {national[-4:]}"
        if spelling == 1:
            return f"+{digits}"
        if spelling == 2:
            national = national.removeprefix("9") if country == "AR" else national
            return f"{national[:-4]}-{national[-4:]}"
        return f"+{self._old_plan(digits, country)}"

    @staticmethod
    def _old_plan(digits: str, country: str) -> str:
        if country == "MX":
            return f"521{digits[2:]}"
        if country == "BR" and digits[4] == "9":
            return digits[:4] + digits[5:]
        if country == "AR":
            return f"54{digits[3:]}"
        return digits

    def _some_email(self, person: Person, channel: str) -> str:
        chance = self.chance
        draw = chance.random()
        if draw < 0.008:
            return chance.choice(("test@test.com", "noemail@gmail.com", "asdf@asdf.com"))
        if draw < 0.009 and self.earlier:
            return chance.choice(self.earlier).emails[0]
        email = person.emails[-1] if draw > 0.88 else person.emails[0]
        if channel in ("webchat", "form", "crm"):
            if chance.random() < 0.01:
                email = email.replace("gmail", "gmial").replace("hotmail", "hotmial")
            local, _, domain = email.partition("@")
            email = f"{self._slip(local, 0.015)}@{domain}"
        return email.upper() if chance.random() < 0.03 else email

    def _name(self, person: Person, channel: str) -> str:
        chance = self.chance
        given, surnames = person.givens, person.surnames
        draw = chance.random()
        casual = channel in ("whatsapp", "instagram", "webchat")
        if casual and draw < 0.03:
            return ""
        if casual and draw < 0.045:
            return chance.choice(
                (
                    "🌸",
                    "Cliente",
                    "yo",
                    "Mamá ❤",
                    "Don't worry",
                    "Dios es amor",
                    "Tienda online",
                    "...",
                    "Happy",
                    "La Negra",
                    "Rey de Reyes",
                )
            )
        nick = chance.choice(NICKNAMES[given[0]].split()) if given[0] in NICKNAMES and chance.random() < (0.3 if casual else 0.06) else ""
        first = nick or given[0]
        if casual and draw < 0.35:
            name = first
        elif draw < (0.75 if casual else 0.45):
            name = f"{first} {surnames[0]}"
        elif draw < 0.80:
            name = f"{' '.join(given)} {surnames[0]}"
        elif draw < 0.81 and not nick and len(given) > 1:
            name = f"{given[1]} {surnames[0]}"
        elif draw < 0.85 and not nick:
            name = f"{first[0]}. {surnames[0]}"
        elif draw < 0.88 and channel == "crm":
            name = f"{surnames[0]} {surnames[1]}, {first}"
        elif draw < 0.94:
            name = f"{first} {' '.join(surnames)}"
        else:
            name = f"{' '.join(given)} {' '.join(surnames)}"
        # People write their own profile name with care; others mishear it.
        name = self._slip(name, 0.015 if casual else 0.04)
        look = chance.random()
        if look < 0.15:
            return name.upper()
        name = name if look < 0.25 else name.title()
        return _unaccented(name) if chance.random() < 0.5 else name

    def _slip(self, text: str, rate: float, only_digits: bool = False) -> str:
        """With that chance: one letter wrong, left out, doubled, or two in the wrong order."""
        chance = self.chance
        if chance.random() >= rate or len(text) < 4:
            return text
        at = chance.randrange(2 if only_digits else 1, len(text) - 1)
        if " " in text[at - 1 : at + 2]:
            return text
        other = chance.choice("0123456789" if text[at].isdigit() else "abcdefghijklmnopqrstuvwxyz")
        kind = chance.randrange(4)
        if kind == 0 or only_digits:
            return text[:at] + other + text[at + 1 :]
        if kind == 1:
            return text[:at] + text[at + 1 :]
        if kind == 2:
            return text[: at + 1] + text[at:]
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def hash_of(text: str) -> int:
    """The same in every process, unlike ``hash``."""
    return crc32(text.encode()) << 32 | crc32(text[::-1].encode())


def _unaccented(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _plain(text: str) -> str:
    return _unaccented(text).replace(" ", "").replace("'", "")
