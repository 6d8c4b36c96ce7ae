// Improvements only: every page does its whole work without this file.
"use strict";

function listFiles(input, list) {
  list.replaceChildren(
    ...Array.from(input.files, (file) => {
      const line = document.createElement("li");
      line.textContent = file.name;
      return line;
    }),
  );
}

function allowDropping(area) {
  const input = area.querySelector("input[type=file]");
  const list = area.querySelector("[data-drop-list]");
  area.querySelector("[data-drop-words]").hidden = false;
  input.addEventListener("change", () => listFiles(input, list));
  for (const name of ["dragenter", "dragover"]) {
    area.addEventListener(name, (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    area.addEventListener(name, () => area.classList.remove("over"));
  }
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    input.files = event.dataTransfer.files;
    listFiles(input, list);
  });
}

// Ticking "all" ticks every picture, and unticking one unticks "all": what is sent is what is seen.
function joinTicks(form) {
  const every = form.querySelector("[data-every]");
  const each = [...form.querySelectorAll("input[name=pictures]")].filter((box) => box !== every);
  every.addEventListener("change", () => each.forEach((box) => (box.checked = every.checked)));
  each.forEach((box) => box.addEventListener("change", () => box.checked || (every.checked = false)));
}

// How much of the first picture is seen over the second.
function allowFading(pair) {
  const range = pair.querySelector("[data-fade]");
  range.parentElement.hidden = false;
  range.addEventListener("input", () => pair.style.setProperty("--fade", range.value / 100));
}

function prepareFading() {
  for (const pair of document.querySelectorAll(".pair:has([data-fade])")) allowFading(pair);
}

prepareFading();
document.addEventListener("htmx:afterSwap", prepareFading);
for (const area of document.querySelectorAll("[data-drop]")) allowDropping(area);
for (const form of document.querySelectorAll("form[data-gallery]")) joinTicks(form);
for (const input of document.querySelectorAll("[data-chooses]")) {
  input.addEventListener("input", () => (document.getElementById(input.dataset.chooses).checked = true));
}
