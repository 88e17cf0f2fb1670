// Keys and labels for the whole panel, the sliders of ipywidgets too, and questions of tools.

const SUPPRESS = "data-lm-suppress-shortcuts";
const NO_FORMULAS = "mathjax_ignore"; // what MathJax leaves as it is
let guards = 0;

class Guard {
  // `saved`: the class of the saved transcript, which is hidden as long as this panel lives;
  // `tips`: what to say about each parameter; `typeset` sets formulas, undefined: nobody does.
  constructor(el, { send, saved, tips, typeset }) {
    this.el = el;
    this.tips = tips;
    this.send = send;
    this.saved = saved;
    this.typeset = typeset;
    this.unset = new Map(); // what has its formulas not set: elements, and the class of each
    this.abort = new AbortController();
    this.style = make("style", { "data-e80": `${saved}-${(guards += 1)}` });
    document.head.append(this.style);
    this.hide(true);
    this.attach();
  }

  // An inserted transcript stays in sight; what is coming, and the note about a dead panel, do not.
  hide(transcript) {
    this.hidden = [`${this.saved}-coming`, ...(transcript ? [this.saved] : [])];
    const outputs = this.hidden.map((name) => `.jp-OutputArea-child:has(.${name}), .${name}`);
    this.style.textContent =
      `${outputs.join(", ")}, .${this.saved}-note { display: none !important; }`;
    this.setFormulas();
  }

  // Formulas are set when they are seen: what is hidden is written again while an answer comes.
  leaveFormulas() {
    if (!this.typeset) return;
    for (const name of this.hidden) {
      for (const { parentElement } of document.querySelectorAll(`.${name}`)) {
        parentElement.classList.add(NO_FORMULAS);
        this.unset.set(parentElement, name);
      }
    }
  }

  setFormulas() {
    for (const [element, name] of this.unset) {
      if (this.hidden.includes(name)) continue;
      this.unset.delete(element);
      element.classList.remove(NO_FORMULAS);
      if (element.isConnected) this.typeset(element); // what comes into the page later is set then
    }
  }

  show() {
    this.style.remove();
    this.hidden = [];
    this.setFormulas();
  }

  // The views of ipywidgets are put together first and shown afterwards.
  attach() {
    if (this.abort.signal.aborted) return;
    this.root = this.el.closest(".e80-panel");
    if (!this.root) {
      this.frame = requestAnimationFrame(() => this.attach());
      return;
    }
    const { root } = this;
    const { signal } = this.abort;
    // Before JupyterLab looks: its commands with Ctrl or Cmd stay (save, find), all others do not
    // act here, or "d d" on a slider would delete the cell. The mark stands on the target too, which
    // the notebook's selectors (":focus") match before they get to the panel.
    const decide = ({ target, ctrlKey, metaKey, key }) => {
      if (!root.contains(target)) return;
      const command = (ctrlKey || metaKey) && key !== "Enter";
      for (const element of [root, target]) element.toggleAttribute(SUPPRESS, !command);
    };
    window.addEventListener("keydown", decide, { capture: true, signal });
    for (const kind of ["keydown", "keypress", "keyup"]) {
      root.addEventListener(kind, (event) => {
        if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
      }, { signal });
    }
    root.addEventListener("pointerdown", (event) => this.press(event), { signal });
    root.addEventListener("keyup", (event) => this.tell("release", event.target),
      { signal, capture: true });
    if (this.dead) this.end();
    this.label();
    // What streams into the transcript has names of its own.
    this.observer = new MutationObserver((records) =>
      records.some(({ target }) => !this.el.contains(target)) && this.label());
    this.observer.observe(root, {
      childList: true, subtree: true, attributes: true, attributeFilter: ["class", "style"],
    });
  }

  press({ target }) {
    if (!this.tell("press", target)) return;
    const ended = new AbortController();
    for (const kind of ["pointerup", "pointercancel"]) {
      window.addEventListener(kind, () => {
        ended.abort();
        this.tell("release", target);
      }, { signal: ended.signal, capture: true });
    }
  }

  // A slider is held, or was let go; returns whether it is one.
  tell(what, target) {
    const slider = target.closest?.(".slider-container, .noUi-target");
    const name = slider && nameOf(slider.closest("[class*=e80-p-]"));
    if (name) this.send({ do: what, name });
    return Boolean(name);
  }

  // ipywidgets gives its sliders and fields no names that a screen reader could say, and shows the
  // tooltips of a field only where it has no label.
  label() {
    for (const line of this.root.querySelectorAll(".e80-wrong")) put(line, "role", "alert");
    // Or a letter of the icon font would be read out.
    for (const icon of this.root.querySelectorAll("button > i.fa")) put(icon, "aria-hidden", "true");
    for (const fold of this.root.querySelectorAll(".e80-fold > button:first-child")) {
      put(fold, "aria-expanded", String(fold.querySelector(".fa-caret-down") !== null));
    }
    const menu = this.root.querySelector(".e80-menu");
    const open = menu && menu.style.display !== "none";
    for (const opener of this.root.querySelectorAll("button.e80-opens-menu")) {
      put(opener, "aria-expanded", String(Boolean(open)));
      if (opener.title) put(opener, "aria-label", opener.title); // its text is a sign
    }
    // What scrolls can be reached by the keyboard, and needs a name.
    const scrolled = { columns: "Answers side by side", "live-strip": "Recent answers",
      "live-notice": "What Live says", "live-meter": "Requests of Live" };
    for (const [kind, name] of Object.entries(scrolled)) {
      for (const part of this.root.querySelectorAll(`.e80-${kind}`)) {
        put(part, "role", "group");
        put(part, "aria-label", name);
      }
    }
    for (const tabs of this.root.querySelectorAll(".e80-tabs")) put(tabs, "role", "tablist");
    for (const tab of this.root.querySelectorAll("button.e80-tab")) {
      put(tab, "role", "tab");
      put(tab, "aria-selected", String(tab.classList.contains("e80-on")));
    }
    for (const row of this.root.querySelectorAll(".e80-parameter")) {
      const wrong = String(row.classList.contains("e80-invalid"));
      for (const field of row.querySelectorAll("input[type=text], textarea")) {
        put(field, "aria-invalid", wrong);
      }
    }
    for (const answer of this.root.querySelectorAll(
      ".widget-html[tabindex], .widget-htmlmath[tabindex]")) {
      const region = answer.querySelector("[role=region]");
      put(answer, "role", "group");
      put(answer, "aria-label", region?.getAttribute("aria-label") ?? "Answer");
    }
    for (const row of this.root.querySelectorAll("[class*=e80-p-]")) {
      const tip = this.tips[nameOf(row)];
      const name = nameOf(row).replaceAll("_", " ");
      const controls = row.querySelectorAll(
        ".noUi-handle, input[type=text], input[type=number], textarea, select, .widget-readout");
      for (const control of controls) {
        if (tip) put(control, "title", tip);
        if ([...(control.labels ?? [])].some((label) => label.textContent.trim())) continue;
        put(control, "aria-label", name);
      }
    }
  }

  die() {
    this.dead = true;
    this.show();
    if (this.root) this.end();
  }

  end() {
    for (const control of this.root.querySelectorAll("input, select, textarea, button")) {
      if (!this.el.contains(control)) control.disabled = true;
    }
    for (const slider of this.root.querySelectorAll(".noUi-target")) {
      slider.setAttribute("disabled", "");
    }
    this.root.classList.add("e80-ended");
  }

  dispose() {
    cancelAnimationFrame(this.frame);
    this.abort.abort();
    this.observer?.disconnect();
    this.show();
  }
}

function put(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function nameOf(row) {
  const found = [...(row?.classList ?? [])].find((name) => name.startsWith("e80-p-"));
  return found ? found.slice("e80-p-".length) : "";
}

// A question that waits for a yes or a no: may this tool be called with these arguments?
class Consent {
  constructor(send, leave) {
    this.send = send;
    this.leave = leave; // called where the focus was here and the question is gone
    this.root = make("div", { class: "e80-consent", role: "alertdialog", tabindex: "-1", hidden: true,
      onkeydown: (event) => event.key === "Escape" && this.answer("no") });
  }

  ask(asked) {
    const inside = this.root.contains(document.activeElement);
    this.root.hidden = !asked;
    this.root.replaceChildren();
    if (!asked && inside) this.leave();
    if (!asked) return;
    this.key = asked.key;
    const id = `e80-question-${asked.key}`;
    this.root.setAttribute("aria-labelledby", id);
    const lines = asked.detail.split("\n").length;
    this.detail = make("textarea", { class: "e80-detail", rows: String(Math.min(lines + 1, 14)),
      readonly: true, "aria-label": "Arguments", spellcheck: "false" });
    this.detail.value = asked.detail;
    // Every argument by its name; in the box stands all of it.
    this.brief = make("dl", { class: "e80-arguments" });
    for (const [name, value] of asked.arguments ?? []) {
      this.brief.append(make("dt", {}, name), make("dd", {}, value));
    }
    this.brief.hidden = !asked.arguments?.length;
    this.detail.hidden = !asked.detail || asked.arguments != null;
    const buttons = [
      button("Yes", "Yes, this once", () => this.answer("yes"), { class: "e80-primary" }),
      button("No", "No", () => this.answer("no")),
    ];
    if (asked.always) buttons.push(
      button("Always", "Yes, and do not ask again for this tool", () => this.answer("always")));
    buttons.push(
      button("Edit arguments", "Edit the arguments, then say yes", () => this.edit()));
    if (asked.cut) {
      const all = button("Show all", "Show the arguments whole", () => {
        all.hidden = true;
        this.showAll();
        this.detail.focus();
      });
      buttons.push(all);
    }
    this.root.append(
      make("div", { class: "e80-question", id }, asked.question),
      make("div", { class: "e80-note", hidden: !asked.note }, asked.note ?? ""),
      this.brief, this.detail, make("div", { class: "e80-row" }, ...buttons),
    );
    // Whoever is typing goes on typing: the next key must not be the answer.
    const focused = document.activeElement;
    const panel = this.root.closest(".e80-panel");
    if (inside || panel?.contains(focused) && !focused.matches("textarea, input")) this.root.focus();
  }

  showAll() {
    this.brief.hidden = true;
    this.detail.hidden = false;
  }

  edit() {
    this.showAll();
    this.detail.removeAttribute("readonly");
    this.detail.focus();
  }

  answer(answer) {
    this.send({ do: "answer", key: this.key, answer, detail: this.detail.value });
  }
}
