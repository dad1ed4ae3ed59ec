import { make } from "./dom.js";

/* A web page of the business, in a frame of its own: the widget runs there as it does on any site. */
export function drawShop(page, stage) {
  const identity = `${page.channel.key}/${page.language}`;
  if (stage.dataset.shows === identity) return;
  stage.dataset.shows = identity;
  const address = `/shop/${encodeURIComponent(page.channel.key)}`;
  stage.replaceChildren(make(
    "article",
    { className: "page" },
    make("p", {}, page.word("web_page"), make("a", { className: "link", href: address, target: "_blank", rel: "noopener" }, page.word("open_page"))),
    make("iframe", { src: address, title: page.channel.name }),
  ));
}
