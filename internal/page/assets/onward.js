// Goes on once every frame of the page has loaded, or after three seconds.
"use strict";

const way = document.getElementById("logged-out-continue");
const frames = [...document.querySelectorAll("iframe")];
let left = frames.length;
const go = () => { if (way) location.replace(way.href); };
for (const frame of frames) {
  frame.addEventListener("load", () => { if (--left === 0) go(); });
}
setTimeout(go, 3000);
