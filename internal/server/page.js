"use strict";
// Shows the page anew every 2 s without reloading it, and says so when the monitor does not answer.
const lost = document.getElementById("lost"), news = document.getElementById("news");
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
    const focused = document.activeElement.getAttribute("href");
    document.querySelector("main").replaceWith(main);
    if (focused) main.querySelector(`a[href="${focused}"]`).focus({ preventScroll: true });
    lost.hidden = true;
  } catch {
    lost.textContent = `The monitor does not answer. This is how things stood at ${seen}.`;
    lost.hidden = false;
    document.title = "No answer – Failover Monitor";
  }
  setTimeout(update, 2000);
}
setTimeout(update, 2000);
