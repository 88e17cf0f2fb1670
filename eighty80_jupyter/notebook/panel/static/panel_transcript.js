// The list of turns. It follows its end until the reader scrolls up.

class Transcript {
  constructor({ send, typeset, edit, say, toCell }) {
    Object.assign(this, { send, typeset, edit, say, toCell });
    this.turns = new Map();
    this.following = true;
    this.lastTop = 0;
    this.list = make("div", { class: "e80-list" });
    this.more = button("", "Show earlier turns", () => send({ do: "earlier" }), {
      class: "e80-quiet e80-more",
      hidden: true,
    });
    this.empty = make("p", { class: "e80-empty" });
    this.log = make(
      "div",
      { class: "e80-log", role: "log", "aria-live": "polite", "aria-label": "Conversation",
        tabindex: "0", onscroll: () => this.scrolled() },
      this.more, this.empty, this.list,
    );
    this.jump = button("↓ To the end", "Jump to the end", () => this.toEnd(), {
      class: "e80-jump", hidden: true,
    });
    this.root = make("div", { class: "e80-transcript" }, this.log, this.jump);
    this.resized = new ResizeObserver(() => this.following && this.toEnd());
    this.resized.observe(this.list);
    this.resized.observe(this.log);
  }

  dispose() {
    this.resized.disconnect();
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.log;
    const below = scrollHeight - scrollTop - clientHeight;
    const up = scrollTop < this.lastTop;
    // The slightest move upwards counts, or a slow hand is taken back to the end again and again.
    // An answer whose tail got shorter moves what is shown too, but that is the end.
    if (below < (up ? 2 : 24)) this.following = true;
    else if (up) this.following = false;
    this.lastTop = scrollTop;
    this.jump.hidden = this.following;
  }

  toEnd() {
    this.following = true;
    if (document.activeElement === this.jump) this.log.focus();
    this.jump.hidden = true;
    this.log.scrollTop = this.log.scrollHeight;
    this.lastTop = this.log.scrollTop;
  }

  setState({ turns, earlier, empty }) {
    this.turns.clear();
    this.list.replaceChildren();
    this.empty.textContent = empty;
    for (const turn of turns) this.setTurn(turn, this.list.lastElementChild);
    this.setEarlier(earlier);
    this.drawLive();
    this.toEnd();
  }

  // The answer of live mode stands in the place of the last one; empty: there is none.
  setLive(html) {
    this.live = html;
    this.drawLive();
  }

  drawLive() {
    const view = this.live ? this.turns.get(this.list.lastElementChild?.dataset.turn) : null;
    for (const other of this.turns.values()) {
      if (other !== view && other.live) {
        other.live.remove();
        other.live = null;
        other.root.classList.remove("e80-replaced");
      }
    }
    // Where the sliders stand below, they must not move away below the finger.
    const below = this.root.closest(".e80-panel")?.clientWidth <= 680;
    this.log.style.height = view && below ? this.log.style.height || `${this.log.offsetHeight}px` : "";
    if (!view) return;
    if (!view.live) {
      view.live = make("div", { class: "e80-answer e80-live-answer e80-block" });
      view.root.insertBefore(view.live, view.foot);
      view.root.classList.add("e80-replaced");
    }
    if (view.liveHtml === this.live && view.live.firstChild) return;
    view.liveHtml = this.live;
    setHtml(view.live, this.live);
    this.typeset(view.live);
    if (view.live.querySelector("[aria-busy=false]")) this.addCodeActions(view.live);
  }

  setEarlier(count) {
    if (count === 0 && document.activeElement === this.more) this.log.focus();
    this.more.hidden = count === 0;
    this.more.textContent = count === 1 ? "Show 1 earlier turn" : `Show ${count} earlier turns`;
  }

  addEarlier({ turns, earlier }) {
    const below = this.log.scrollHeight - this.log.scrollTop;
    this.following = false;
    let last = null;
    for (const turn of turns) last = this.setTurn(turn, last);
    this.setEarlier(earlier);
    this.log.scrollTop = this.log.scrollHeight - below;
  }

  // Puts a turn behind the element `after` (null: at the beginning), or renews it in its place.
  // Without `parts` the answer stays as it has been drawn.
  setTurn(turn, after) {
    let view = this.turns.get(turn.id);
    if (!view) {
      view = { root: make("article", { class: "e80-turn" }), parts: new Map() };
      view.prompt = make("div", { class: "e80-prompt" });
      view.answer = make("div", { class: "e80-answer jp-RenderedHTMLCommon" });
      view.foot = make("div", { class: "e80-foot" });
      view.root.append(view.prompt, view.answer, view.foot);
      view.root.dataset.turn = turn.id;
      this.turns.set(turn.id, view);
    }
    view.turn = turn;
    const place = after ? after.nextElementSibling : this.list.firstElementChild;
    if (place !== view.root && (!view.root.isConnected || after)) {
      this.list.insertBefore(view.root, place);
    }
    this.drawPrompt(view);
    if (turn.parts) {
      view.answer.replaceChildren();
      view.parts.clear();
      for (const part of turn.parts) this.grow(view, { freeze: part.blocks, ...part });
    }
    this.drawFoot(view);
    this.empty.hidden = true;
    if (this.live) this.drawLive();
    return view.root;
  }

  drawPrompt(view) {
    const { turn } = view;
    const actions = make("span", { class: "e80-actions" },
      button("Copy", "Copy the prompt", () => this.copy(turn.source)),
      button("Edit", "Edit the prompt and ask again", () => this.edit(turn), {
        disabled: turn.live }),
    );
    const who = turn.number ? `You · ${turn.number}` : "You";
    replaceParts(view.prompt,
      make("div", { class: "e80-head" }, make("span", { class: "e80-who" }, who), actions),
      make("div", { class: "e80-source" }, turn.said),
      ...turn.data.map(([title, text]) => make("details", { class: "e80-data" },
        make("summary", {}, `${title} · show`), make("pre", { tabindex: "0" }, text))),
    );
  }

  drawFoot(view) {
    const { turn } = view;
    view.root.classList.toggle("e80-streaming", turn.live);
    view.root.setAttribute("aria-busy", String(turn.live));
    const line = make("span", { class: "e80-line" }, turn.live ? "" : turn.line);
    const actions = make("span", { class: "e80-actions" });
    if (turn.alternatives > 1) actions.append(...this.steps(turn));
    if (!turn.live) {
      actions.append(
        button("Copy", "Copy the answer", () => this.copy(turn.text)),
        button("Retry", "Ask again; this answer stays as an alternative", () =>
          this.send({ do: "retry", turn: turn.id })),
      );
    }
    const error = turn.error ? [make("div", { class: "e80-error" }, turn.error)] : [];
    replaceParts(view.foot, ...error, line, actions);
  }

  steps({ id, chosen, alternatives, live }) {
    const step = (text, title, to) =>
      button(text, title, () => this.send({ do: "choose", turn: id, alternative: to }), {
        disabled: live || to < 0 || to >= alternatives,
      });
    return [
      step("‹", "Previous alternative", chosen - 1),
      make("span", { class: "e80-count" }, `${chosen + 1} of ${alternatives}`),
      step("›", "Next alternative", chosen + 1),
    ];
  }

  // Adds finished blocks to a part of an answer and draws its tail anew.
  grow(view, { key, title, fold, freeze = [], tail = "", anew = false }) {
    let part = view.parts.get(key);
    if (!part) {
      part = { blocks: make("div"), tail: make("div", { class: "e80-block" }) };
      part.root = make(fold == null ? "div" : "details", { class: "e80-part", "data-part": key });
      if (fold != null) part.root.append((part.fold = make("summary")));
      if (title) part.root.append(make("h6", {}, title));
      part.root.append(part.blocks, part.tail);
      view.parts.set(key, part);
      const later = [...view.parts].filter(([other]) => other > key).map(([, p]) => p.root);
      const next = [...view.answer.children].find((child) => later.includes(child));
      view.answer.insertBefore(part.root, next ?? null);
    }
    if (part.fold) part.fold.textContent = fold;
    if (anew) part.blocks.replaceChildren();
    const nodes = [...part.tail.childNodes];
    // Where something else has put nodes of its own among them, all is drawn anew.
    const old = nodes.length === part.drawn?.length
      ? nodes.map((node, number) => ({ node, source: part.drawn[number] })) : [];
    for (const html of freeze) {
      const block = make("div", { class: "e80-block" });
      part.blocks.append(block);
      this.draw(block, html, old);
      this.addCodeActions(block);
    }
    part.drawn = this.draw(part.tail, tail, old);
  }

  // Draws HTML, and returns the source of each node. The `old` ones, of the tail before, stay or move
  // over as long as they are the same: their formulas are set, and a reader has unfolded some.
  draw(element, html, old) {
    const template = make("template");
    setHtml(template, html);
    const nodes = [...template.content.childNodes];
    const sources = nodes.map((node) => node.outerHTML ?? node.data);
    let kept = 0;
    for (const source of sources) {
      // The line end where the tail was cut.
      while (old[0]?.source.trim() === "" && old[0].source !== source) old.shift().node.remove();
      if (old[0]?.source !== source) break;
      const { node } = old.shift();
      if (node.parentNode !== element) element.append(node);
      kept += 1;
    }
    while (element.childNodes.length > kept) element.lastChild.remove();
    element.append(...nodes.slice(kept));
    if (kept < nodes.length) this.typeset(element);
    return sources;
  }

  addCodeActions(block) {
    for (const pre of block.querySelectorAll("pre")) {
      const code = () => pre.textContent.replace(/\n$/, "");
      const actions = make("div", { class: "e80-code-actions" },
        button("Copy", "Copy this code", () => this.copy(code())),
        button("To a cell", "Put this code into a new cell below the panel", () =>
          this.toCell(code())),
      );
      const frame = make("div", { class: "e80-code" });
      pre.replaceWith(frame);
      frame.append(pre, actions);
    }
  }

  async copy(text) {
    this.say((await copyText(text)) ? "Copied." : "The browser does not let the panel copy.");
  }

  // The prompts that are on show, in order.
  prompts() {
    return [...this.list.children]
      .map(({ dataset }) => this.turns.get(dataset.turn).turn)
      .map((turn) => turn.edit ?? turn.source)
      .filter(Boolean);
  }

  drop(ids) {
    for (const id of ids) {
      this.turns.get(id)?.root.remove();
      this.turns.delete(id);
    }
    this.empty.hidden = this.turns.size > 0;
    this.drawLive();
  }
}
