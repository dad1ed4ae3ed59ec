// On a phone the settings are a row that scrolls sideways: the page one is on is in sight.
document.querySelector(".side-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
