/* The words of the chat, in the channel's language or the page's. */

/** `texts("typing", { name })`, with `texts.language` and `texts.time(iso)`. */
export function chooseTexts(config) {
  const asked = (document.documentElement.lang || navigator.language || "").slice(0, 2).toLowerCase();
  const language = asked in config.texts ? asked : config.language;
  const words = config.texts[language];
  const texts = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  texts.language = language;
  texts.time = (iso) => {
    const at = new Date(iso);
    return (at.toDateString() === new Date().toDateString() ? clock : day).format(at);
  };
  return texts;
}
