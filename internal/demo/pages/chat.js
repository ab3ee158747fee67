"use strict";
const status = document.getElementById("status");
const messages = document.getElementById("messages");
const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws");
socket.onopen = () => { status.textContent = "open"; };
socket.onclose = (event) => { status.textContent = `closed (${event.code} ${event.reason})`; };
socket.onmessage = (event) => {
  const item = document.createElement("li");
  item.textContent = event.data;
  messages.append(item);
};
document.getElementById("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = document.getElementById("text");
  if (socket.readyState === WebSocket.OPEN && text.value) socket.send(text.value);
  text.value = "";
});
