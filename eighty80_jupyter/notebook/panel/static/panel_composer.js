// The text box with Send, Stop and Preview.

class Composer {
  constructor({ send, model, prompts }) {
    this.send = send;
    this.model = model;
    this.prompts = prompts; // those of the transcript, in order
    this.recalled = null; // the one that Up or Down has put into the box, and its place
    this.again = null; // the id of the turn whose prompt is edited
    this.aside = ""; // what stood in the box before the edit
    this.pending = null; // the text that is on its way to the kernel
    this.box = make("textarea", {
      class: "e80-input", rows: "1", "aria-label": "Message",
      placeholder: "Message",
      title: "Ctrl+Enter, Cmd+Enter or Shift+Enter sends; {{name}} inserts a variable; " +
        "Up and Down bring earlier messages back",
      oninput: () => this.changed(), onkeydown: (event) => this.key(event),
    });
    this.box.value = model.get("draft");
    this.sendButton = button("Send", "Send (Ctrl+Enter or Shift+Enter)", () => this.submit(), {
      class: "e80-primary" });
    this.stopButton = button("Stop", "Stop the answer", () => send({ do: "stop" }), {
      class: "e80-stop", hidden: true });
    this.previewButton = button("Preview", "Show what will be sent", () => this.turnPreview(), {
      class: "e80-quiet", "aria-expanded": "false" });
    this.cancelButton = button("Cancel the edit", "Cancel the edit", () => this.endEdit(true), {
      class: "e80-quiet", hidden: true });
    this.hint = make("span", { class: "e80-hint" }, "Ctrl+Enter sends");
    this.preview = make("div", { class: "e80-preview jp-RenderedHTMLCommon", hidden: true,
      role: "region", "aria-label": "What will be sent", tabindex: "0" });
    this.notice = make("div", { class: "e80-notice", role: "alert" });
    this.root = make("div", { class: "e80-composer" },
      this.notice, this.preview, this.box,
      make("div", { class: "e80-row" }, this.previewButton, this.cancelButton, this.hint,
        this.stopButton, this.sendButton),
    );
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.root);
  }

  dispose() {
    this.resized.disconnect();
    clearTimeout(this.timer);
    clearTimeout(this.noticeTimer);
    clearTimeout(this.previewTimer);
  }

  key(event) {
    const sends = event.ctrlKey || event.metaKey || event.shiftKey;
    if (event.key === "Enter" && sends && !event.isComposing) {
      event.preventDefault();
      event.stopPropagation();
      this.submit();
    } else if (event.key === "Escape" && this.again) {
      this.endEdit(true);
    } else if (["ArrowUp", "ArrowDown"].includes(event.key) && !sends && !event.isComposing) {
      this.recall(event);
    }
  }

  // Up and Down go through the earlier prompts while nothing else stands in the box, and through
  // the lines of a long one first.
  recall(event) {
    const { value, selectionStart, selectionEnd } = this.box;
    const up = event.key === "ArrowUp";
    const own = value === "" || value === this.recalled?.text;
    const rest = up ? value.slice(0, selectionStart) : value.slice(selectionEnd);
    if (this.again || this.box.readOnly || !own || rest.includes("\n")) return;
    const prompts = this.prompts();
    const from = value ? this.recalled.place : prompts.length;
    // There are fewer where another conversation was chosen since.
    const place = Math.min(from + (up ? -1 : 1), prompts.length);
    if (place < 0) return;
    event.preventDefault();
    this.recalled = { place, text: prompts[place] ?? "" };
    this.setText(this.recalled.text);
  }

  submit() {
    const text = this.box.value;
    if (!text.trim() || this.box.disabled) return this.box.focus();
    // A key that is held down, or pressed twice while the kernel is busy, asks once.
    if (this.pending === text) return;
    this.pending = text;
    this.say("");
    this.send({ do: "send", text, again: this.again });
  }

  turnPreview() {
    this.previewing = !this.previewing && this.box.value.trim() !== "";
    if (this.previewing) this.askPreview();
    else this.showPreview(null);
    if (!this.previewing && !this.box.value.trim()) this.box.focus();
  }

  // What is shown follows what is typed: an error goes away when its cause does.
  askPreview() {
    clearTimeout(this.previewTimer);
    if (!this.previewing) return;
    const text = this.box.value;
    if (text.trim()) this.send({ do: "preview", text, again: this.again });
    else this.showPreview("");
  }

  changed() {
    this.pending = null;
    this.fit();
    if (this.notice.dataset.kind === "error") this.say("");
    clearTimeout(this.previewTimer);
    this.previewTimer = setTimeout(() => this.askPreview(), 500);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.saveDraft(), 300);
  }

  // The draft is kept in the kernel, so that it is there again after a reload of the page.
  saveDraft() {
    if (this.model.get("draft") === this.box.value) return;
    this.model.set("draft", this.box.value);
    this.model.save_changes();
  }

  fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
  }

  setText(text, { keepNotice = false } = {}) {
    const { textContent, dataset } = this.notice;
    this.box.value = text;
    this.changed();
    if (keepNotice) this.say(textContent, dataset.kind);
  }

  sent(text) {
    this.pending = null;
    // What has been typed since then stays.
    if (this.box.value === text) this.setText("");
    this.endEdit(false);
    this.previewing = false;
    this.showPreview(null);
    this.say("");
  }

  edit(turn) {
    if (!this.again) this.aside = this.box.value;
    this.again = turn.id;
    this.cancelButton.hidden = false;
    this.sendButton.textContent = "Send again";
    this.setText(turn.edit ?? turn.source);
    this.box.focus();
  }

  endEdit(cancelled) {
    if (this.again && (cancelled || !this.box.value)) this.setText(this.aside);
    this.again = null;
    this.aside = "";
    if (document.activeElement === this.cancelButton) this.box.focus();
    this.cancelButton.hidden = true;
    this.sendButton.textContent = "Send";
  }

  // Shows what will be sent, or why nothing can be; null: nothing.
  showPreview(html, error = "") {
    this.preview.hidden = !html && !error;
    this.previewButton.setAttribute("aria-expanded", String(!this.preview.hidden));
    setHtml(this.preview, html ?? "");
    if (error) this.preview.append(make("div", { class: "e80-error", role: "alert" }, error));
    this.preview.scrollTop = this.preview.scrollHeight; // what is asked stands last
  }

  say(text, kind = "error") {
    this.notice.textContent = text;
    this.notice.dataset.kind = kind;
    clearTimeout(this.noticeTimer);
    if (text && kind === "info") this.noticeTimer = setTimeout(() => this.say(""), 6000);
  }

  setBusy(live) {
    // Whoever is on a button that goes away is put into the text box.
    if (!live && document.activeElement === this.stopButton) this.box.focus();
    this.stopButton.hidden = !live;
  }

  // The kernel is gone; what was typed can still be copied.
  end() {
    for (const control of this.root.querySelectorAll("button")) control.disabled = true;
    this.box.readOnly = true;
    this.box.disabled = !this.box.value;
    this.root.hidden = !this.box.value;
  }
}
