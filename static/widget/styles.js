/* Constructed style sheets: they need no style-src on the host page, and the host page's rules do not reach inside. */

const CSS = `
*, *::before, *::after { box-sizing: border-box; margin: 0; }
.root {
  all: initial; display: block;
  --ground: #f4f3f0; --surface: #fdfdfc; --raised: #fff; --line: #e2dfd8; --edge: #85806f;
  --ink: #1d1c1a; --ink-2: #5c5952; --bad: #b3261e; --bad-soft: #fbe3e0; --focus: #1d1c1a;
  --shadow: 0 1px 2px #1d1c1a1f, 0 12px 40px #1d1c1a33;
  font: 400 15px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; color: var(--ink); color-scheme: light;
  text-align: start; -webkit-font-smoothing: antialiased;
}
@media (prefers-color-scheme: dark) {
  .root {
    --ground: #131416; --surface: #1a1b1e; --raised: #222327; --line: #2c2d32; --edge: #7b7e88;
    --ink: #ececee; --ink-2: #a6a7ad; --bad: #f2867f; --bad-soft: #3a1816; --focus: #ececee;
    --shadow: 0 1px 2px #0008, 0 12px 40px #000a; color-scheme: dark;
  }
}
button, input, textarea { font: inherit; color: inherit; }
button { background: none; border: 0; padding: 0; cursor: pointer; }
button:disabled, textarea:disabled { cursor: not-allowed; opacity: .55; }
ol { list-style: none; padding: 0; }
a { color: inherit; text-underline-offset: 2px; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 6px; }
.icon { width: 20px; height: 20px; stroke: currentColor; fill: none; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; display: block; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.launcher {
  position: fixed; z-index: 2147483000; inset: auto 20px 20px auto; width: 56px; height: 56px; border-radius: 50%;
  display: grid; place-items: center; background: var(--brand); color: var(--brand-ink); box-shadow: var(--shadow);
  transition: scale 120ms cubic-bezier(.2, .7, .3, 1);
}
.launcher:hover { scale: 1.05; }
.launcher:focus-visible { border-radius: 50%; outline-offset: 3px; }
.launcher .icon { width: 26px; height: 26px; }
.badge {
  position: absolute; top: -3px; right: -3px; min-width: 22px; height: 22px; padding: 0 6px; border-radius: 11px;
  background: var(--bad-mark, #b3261e); color: #fff; font-weight: 650; font-size: 12px; line-height: 22px; text-align: center;
}
.left .launcher, .left .panel { inset-inline: 20px auto; }

.panel {
  position: fixed; z-index: 2147483001; inset: auto 20px 88px auto; width: 384px; height: min(620px, 100dvh - 108px);
  display: flex; flex-direction: column; background: var(--ground); border: 1px solid var(--line); border-radius: 16px;
  box-shadow: var(--shadow); overflow: hidden; animation: rise 160ms cubic-bezier(.2, .7, .3, 1);
}
@keyframes rise { from { opacity: 0; translate: 0 8px; } }
.head { display: flex; align-items: center; gap: 4px; padding: 12px 8px 12px 18px; background: var(--brand); color: var(--brand-ink); }
.head div { flex: 1; min-width: 0; }
.head h2 { font-size: 16px; font-weight: 620; letter-spacing: -.01em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.head p { font-size: 13px; }
.head button { width: 40px; height: 40px; border-radius: 10px; display: grid; place-items: center; }
.head button:hover { background: color-mix(in srgb, var(--brand-ink) 16%, transparent); }
.head :focus-visible { outline-color: var(--brand-ink); outline-offset: -3px; }

.flow { flex: 1; overflow: auto; overscroll-behavior: contain; padding: 16px 16px 8px; scrollbar-width: thin; }
.flow:focus-visible { outline-offset: -3px; }
.welcome { color: var(--ink-2); padding: 0 0 14px 20px; white-space: pre-line; overflow-wrap: anywhere; }
.older { display: block; margin: 0 auto 12px; padding: 6px 12px; border-radius: 8px; color: var(--ink-2); text-decoration: underline; }
.lines { position: relative; display: grid; gap: 4px; }
.lines:not(:empty)::before { content: ""; position: absolute; left: 4px; top: 10px; bottom: 0; width: 1.5px; background: var(--line); }
.line { position: relative; max-width: 84%; justify-self: start; padding-left: 20px; }
.line.turn { margin-top: 10px; }
.line.turn:not(.mine)::before {
  content: ""; position: absolute; left: 0; top: 4px; width: 9px; height: 9px; border-radius: 50%; background: var(--brand);
  box-shadow: 0 0 0 3px var(--ground);
}
.line .who { font-size: 12px; color: var(--ink-2); padding: 0 0 3px; }
.bubble {
  width: fit-content; padding: 8px 12px; border: 1px solid var(--line); border-radius: 4px 14px 14px; background: var(--raised);
  white-space: pre-wrap; overflow-wrap: anywhere;
}
.line.mine { justify-self: end; padding-left: 40px; }
.line.mine .bubble { margin-left: auto; background: var(--brand); border-color: transparent; color: var(--brand-ink); border-radius: 14px 4px 14px 14px; }
.meta { font-size: 12px; color: var(--ink-2); padding: 2px 4px 0; }
.line.mine .meta { text-align: end; }
.line.failed .meta { color: var(--bad); }
.meta button { text-decoration: underline; min-height: 24px; padding: 0 4px; }
.picture { display: block; padding: 0; border-radius: 10px; overflow: hidden; }
.picture canvas { display: block; max-width: 220px; max-height: 220px; }
.typing { min-height: 20px; padding: 2px 16px; font-size: 12px; color: var(--ink-2); }

.notice { padding: 8px 16px; font-size: 13px; background: var(--bad-soft); color: var(--ink); }
.form { margin: 12px 0 4px 20px; padding: 4px 14px; background: var(--raised); border: 1px solid var(--line); border-radius: 12px; }
.form h3 { font-size: 14px; font-weight: 620; }
.form h3 button { display: flex; width: 100%; min-height: 36px; align-items: center; justify-content: space-between; text-align: start; }
.form h3 button::after { content: ""; width: 7px; height: 7px; margin-inline: 12px 4px; border: solid currentColor; border-width: 0 1.7px 1.7px 0; rotate: 45deg; translate: 0 -2px; }
.form h3 button[aria-expanded="true"]::after { rotate: 225deg; translate: 0 2px; }
.form .fields { display: grid; gap: 10px; padding: 4px 0 10px; }
.form label { display: grid; gap: 3px; font-size: 13px; color: var(--ink-2); }
.form input { height: 38px; padding: 0 10px; border: 1px solid var(--edge); border-radius: 8px; background: var(--surface); color: var(--ink); font-size: 16px; }
.form input[aria-invalid] { border-color: var(--bad); }
.form .error { font-size: 13px; color: var(--bad); }
.form .row { display: flex; gap: 8px; flex-wrap: wrap; align-items: center; }
.form small { font-size: 12px; color: var(--ink-2); }
.button { min-height: 36px; padding: 0 14px; border-radius: 8px; font-weight: 560; background: var(--brand); color: var(--brand-ink); }
.button.quiet { background: none; color: var(--ink-2); }

.composer { display: flex; align-items: flex-end; gap: 4px; margin: 0 12px 12px; padding: 4px; background: var(--raised); border: 1px solid var(--edge); border-radius: 14px; }
.composer:focus-within { border-color: var(--focus); box-shadow: 0 0 0 1px var(--focus); }
.composer textarea { flex: 1; min-width: 0; border: 0; outline: 0; background: none; resize: none; padding: 8px; min-height: 40px; max-height: 128px; font-size: 16px; line-height: 1.4; field-sizing: content; }
.composer textarea::placeholder { color: var(--ink-2); opacity: 1; }
.composer button { width: 40px; height: 40px; border-radius: 10px; display: grid; place-items: center; color: var(--ink-2); }
.composer button.send { background: var(--brand); color: var(--brand-ink); }

[hidden] { display: none; }

@media (max-width: 480px) {
  .panel, .left .panel { inset: 0; width: auto; height: auto; border: 0; border-radius: 0; }
  .open .launcher { display: none; }
}
@media (prefers-reduced-motion: reduce) { .panel { animation: none; } .launcher { transition: none; } .launcher:hover { scale: none; } }
@media (forced-colors: active) { .bubble, .launcher, .button { border: 1px solid; } }
`;

/** The sheets of one chat: the house's, and the brand's two colours. */
export function sheets(config) {
  const house = new CSSStyleSheet();
  house.replaceSync(CSS);
  const brand = new CSSStyleSheet();
  brand.replaceSync(`.root { --brand: ${config.colour}; --brand-ink: ${config.ink}; }`);
  return [house, brand];
}
