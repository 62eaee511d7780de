"use strict";
(() => {
  const sections = [...document.querySelectorAll("section[data-name]")];
  const end = document.getElementById("end");
  const progress = document.getElementById("progress");
  const zoom = document.getElementById("zoom");
  let at = Math.max(0, sections.findIndex((section) => !("picture" in section.dataset)));
  let closed = false;

  const count = () => sections.filter((section) => "picture" in section.dataset).length;
  const told = () => { progress.textContent = `${count()} of ${sections.length} decided`; };
  const marked = (section) => {
    for (const pick of section.querySelectorAll(".pick")) {
      pick.setAttribute("aria-pressed", String(pick.value === section.dataset.picture));
    }
  };
  const show = (number) => {
    at = Math.min(Math.max(number, 0), sections.length);
    sections.forEach((section, index) => { section.hidden = index !== at; });
    for (const near of sections.slice(at, at + 2)) {  // the next one is fetched while this one is looked at
      for (const image of near.querySelectorAll("img")) image.loading = "eager";
    }
    end.hidden = at < sections.length;
    if (!end.hidden) {
      const left = sections.length - count();
      document.getElementById("result").textContent = left
        ? `${count()} of ${sections.length}; ${left} still wait.`
        : `All ${sections.length}.`;
    }
  };
  const post = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `error ${answer.status}`);
  };
  const send = async (section, picture) => {
    const said = section.querySelector(".said");
    const note = section.querySelector(".note").value;
    try {
      await post("decide", { name: section.dataset.name, picture: Number(picture) || null, note });
    } catch (problem) {
      said.className = "said wrong";
      said.textContent = closed ? "The program has ended." : `Not saved: ${problem.message}`;
      return false;
    }
    section.dataset.picture = picture;
    marked(section);
    said.className = "said";
    said.textContent = "Saved";
    told();
    return true;
  };
  const choose = async (section, picture) => {
    if (!section.querySelector(`.pick[value="${picture}"]`)) return;
    if (await send(section, String(picture)) && sections[at] === section) setTimeout(() => {
      if (sections[at] !== section) return;
      const after = sections.findIndex((other, index) => index > at && !("picture" in other.dataset));
      const open = after >= 0 ? after : sections.findIndex((other) => !("picture" in other.dataset));
      show(open >= 0 ? open : sections.length);
    }, 350);
  };

  for (const section of sections) {
    marked(section);
    for (const pick of section.querySelectorAll(".pick")) {
      pick.addEventListener("click", () => choose(section, pick.value));
    }
    const note = section.querySelector(".note");
    note.addEventListener("change", () => {
      if ("picture" in section.dataset) send(section, section.dataset.picture);
    });
    section.querySelector(".back").addEventListener("click", () => show(at - 1));
    section.querySelector(".next").addEventListener("click", () => show(at + 1));
  }
  const enlarge = (number) => {
    const image = sections[at] && (sections[at].querySelectorAll("figure img")[number]);
    if (!image) return;
    const large = zoom.querySelector("img");
    large.src = image.src;
    large.alt = image.alt;
    zoom.dataset.number = number;
    if (!zoom.open) zoom.showModal();
  };
  zoom.addEventListener("click", () => zoom.close());
  document.getElementById("done").addEventListener("click", async () => {
    try { await post("done", {}); } catch { /* it ended already */ }
    closed = true;
    show(sections.length);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.tagName === "INPUT") {
      if (event.key === "Enter" || event.key === "Escape") event.target.blur();
      return;
    }
    const section = sections[at];
    if (zoom.open) {
      const number = Number(zoom.dataset.number);
      if (event.key === "ArrowRight") enlarge(number + 1);
      else if (event.key === "ArrowLeft") enlarge(number - 1);
      else if (event.key === "z" || event.key === "Z") zoom.close();
      else if (/^[1-9]$/.test(event.key)) { zoom.close(); choose(section, event.key); }
      return;
    }
    if (/^[0-9]$/.test(event.key) && section) choose(section, event.key);
    else if (event.key === "ArrowRight" || event.key === "j") show(at + 1);
    else if (event.key === "ArrowLeft" || event.key === "k") show(at - 1);
    else if ((event.key === "n" || event.key === "N") && section) { event.preventDefault(); section.querySelector(".note").focus(); }
    else if (event.key === "z" || event.key === "Z") {
      const figures = section ? [...section.querySelectorAll("figure")] : [];
      enlarge(Math.max(0, figures.findIndex((figure) => figure.matches(":hover, :focus-within"))));
    }
  });
  told();
  show(at);
})();
