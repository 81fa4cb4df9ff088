"use strict";
// Shows the page anew every 2 s without reloading it, and says so when the monitor does not answer.
const lost = document.getElementById("lost"), news = document.getElementById("news");
const icon = document.querySelector("link[rel=icon]");
let seen = document.querySelector("main time").textContent;

async function update() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(4000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.querySelector("main");
    seen = main.querySelector("time").textContent;
    if (page.title !== document.title) { // for those who listen, only what is new
      document.title = page.title;
      news.textContent = main.querySelector("h1").textContent;
    }
    const shape = page.querySelector("link[rel=icon]").getAttribute("href");
    if (shape !== icon.getAttribute("href")) icon.href = shape;
    for (const { id } of document.querySelectorAll("main details[open]")) {
      const same = main.querySelector("#" + id);
      if (same) same.open = true;
    }
    replace(main);
    lost.hidden = true;
  } catch {
    lost.textContent = `The monitor does not answer. This is how things stood at ${seen}.`;
    lost.hidden = false;
    document.title = `No answer – ${location.host} – Failover Monitor`;
    icon.href = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath stroke='%23888' stroke-width='4' d='M2 2l12 12M14 2L2 14'/%3E%3C/svg%3E";
  }
  setTimeout(update, 2000);
}

// replace shows new content. The focus stays.
function replace(main) {
  const focused = document.activeElement, old = document.querySelector("main");
  if (!replaceAroundApps(old, main)) old.replaceWith(main);
  if (focused.isConnected) return;
  const same = focused.id ? "#" + focused.id : `#apps a[href="${focused.getAttribute("href")}"]`;
  document.querySelector(same)?.focus({ preventScroll: true });
}

setTimeout(update, 2000);
