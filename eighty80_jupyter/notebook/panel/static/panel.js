// What ipywidgets cannot do for the chat panel: the transcript, the text box, and the keys.
// The files make.js, panel_dom.js, panel_transcript.js, panel_composer.js and panel_guard.js stand
// before this one; notebook/panel/view.py joins them. There is no build step.

const DEAD =
  "The kernel of this panel has ended. Run the cell again, or %chat --panel, to open a new one; " +
  "what was said stands below.";
// Milliseconds until the panel says that the kernel does not listen: with ipykernel 6, or an older
// front end, what is clicked waits for the end of the cell that runs.
const SILENCE = 1500;
const BUSY = "The kernel is busy with a cell, and gets to this when the cell has ended.";
// What tells that a click has come through.
const ANSWERS = {
  hello: ["state"], send: ["sent", "notice"], preview: ["preview"],
  stop: ["busy"], retry: ["turn", "notice"], choose: ["turn", "notice"],
};
const CELLS = new Set();

function render({ model, el }) {
  const view = crypto.randomUUID?.() ?? String(Math.random());
  let dead = false;
  let waiting, awaited = [];
  const send = (message) => {
    if (dead) return;
    if (message.do in ANSWERS) {
      clearTimeout(waiting);
      awaited = ANSWERS[message.do];
      waiting = setTimeout(() => composer.say(BUSY, "info"), SILENCE);
    }
    model.send({ ...message, view });
  };
  const manager = model.widget_manager;
  const typesetter = (manager?.rendermime ?? manager?._rendermime)?.latexTypesetter;
  // Only where there may be a formula, as it looks through all of the element; and each one once.
  const typeset = typesetter && ((element) => {
    for (const set of element.querySelectorAll("mjx-container")) set.classList.add(NO_FORMULAS);
    if (/\$|\\[([]|\\begin/.test(element.textContent)) typesetter.typeset(element);
  });
  const toCell = async (code) => {
    if (insertCell(model, code)) composer.say("It is in a new cell below the panel.", "info");
    else if (await copyText(code)) composer.say("Copied: paste it into a cell.", "info");
    else composer.say("Neither a cell nor the clipboard can be reached from here.");
  };
  const composer = new Composer({ send, model, prompts: () => transcript.prompts() });
  const transcript = new Transcript({
    send,
    typeset: typeset ?? (() => {}),
    edit: (turn) => composer.edit(turn),
    say: (text) => composer.say(text, "info"),
    toCell,
  });
  const consent = new Consent(send, () => composer.box.focus());
  const ended = make("div", { class: "e80-dead", role: "alert", hidden: true }, DEAD);
  el.classList.add("e80-chat");
  el.replaceChildren(ended, transcript.root, consent.root, composer.root);
  const guard = new Guard(el, {
    send, typeset, saved: model.get("static_class"), tips: model.get("tips") });
  const onInserted = () => guard.hide(!model.get("inserted"));
  model.on("change:inserted", onInserted);
  onInserted();

  const handlers = {
    state(message) {
      guard.leaveFormulas();
      transcript.setState(message);
      composer.setBusy(message.live);
      consent.ask(message.consent);
    },
    turn({ turn, after }) {
      transcript.setTurn(turn, transcript.turns.get(after)?.root ?? null);
    },
    grow(message) {
      const turn = transcript.turns.get(message.id);
      if (turn) transcript.grow(turn, message);
    },
    earlier: (message) => transcript.addEarlier(message),
    drop: ({ ids }) => transcript.drop(ids),
    busy: ({ live }) => composer.setBusy(live),
    notice({ text, kind }) {
      composer.pending = null;
      composer.say(text, kind);
    },
    consent: ({ consent: asked }) => consent.ask(asked),
    preview({ html, error, to }) {
      if (to === view && composer.previewing) composer.showPreview(html, error);
    },
    sent({ text, to }) {
      if (to !== view) return;
      composer.sent(text);
      transcript.toEnd();
    },
    refill({ text, to }) {
      if (to === view && !composer.box.value) composer.setText(text, { keepNotice: true });
    },
    cell({ code, id }) {
      if (!CELLS.has(id)) toCell(code);
      CELLS.add(id); // the other views of this panel are told as well
    },
    published({ name, stamp, inserted }) {
      telling ||= inserted;
      guard.leaveFormulas();
      setTimeout(() => {
        if (dead) return;
        if (showsStamp(model, stamp)) tellInserted(true);
        else send({ do: "content", name });
      }, 500);
    },
    content({ name, output, to }) {
      if (to === view) tellInserted(writeOutput(model, name, output));
    },
  };
  let telling = false; // whether somebody waits to hear where the transcript is
  const tellInserted = (done) => {
    if (!telling) return;
    telling = false;
    if (done) composer.say("The transcript is below the panel and saved with the notebook.", "info");
    else composer.say("There is no notebook here that a transcript could be put into.");
  };
  model.on("msg:custom", (message) => {
    if (awaited.includes(message.op)) {
      clearTimeout(waiting);
      awaited = [];
      if (composer.notice.textContent === BUSY) composer.say("");
    }
    handlers[message.op]?.(message);
  });

  const die = () => {
    if (dead) return;
    dead = true;
    clearTimeout(waiting);
    ended.hidden = false;
    guard.die();
    composer.end();
    // What is saved with the notebook shows now; what stands here would only double it.
    const saved = document.querySelector(`.${model.get("static_class")}`);
    if (saved?.textContent.trim()) transcript.root.hidden = true;
    for (const control of transcript.root.querySelectorAll(".e80-actions button")) {
      if (control.textContent !== "Copy") control.disabled = true;
    }
  };
  // JupyterLab marks the widgets whose kernel was restarted or shut down, and those that were saved
  // with the notebook and have none.
  const look = () => el.closest(".jupyter-widgets-disconnected") && die();
  model.on("comm_live_update", () => setTimeout(look));
  model.on("comm:close", die);
  const context = manager?.context?.sessionContext;
  const onStatus = (_, status) => ["dead", "terminating", "autorestarting"].includes(status) && die();
  context?.statusChanged?.connect(onStatus);

  // The answer of live mode is a widget of its own, and is shown in the place of the last one.
  let forgetLive = () => {};
  const followLive = async () => {
    const live = await manager?.get_model(String(model.get("live")).replace("IPY_MODEL_", ""));
    const draw = () => transcript.setLive(live.get("value"));
    live?.on("change:value", draw);
    forgetLive = () => live?.off("change:value", draw);
    draw();
  };
  followLive().catch(() => {}); // it was closed meanwhile
  const release = keepOutputs(model, manager?.context);
  look();
  send({ do: "hello", page: PAGE });
  return () => {
    send({ do: "bye" });
    release();
    forgetLive();
    clearTimeout(waiting);
    context?.statusChanged?.disconnect(onStatus);
    model.off("change:inserted", onInserted);
    transcript.dispose();
    composer.dispose();
    guard.dispose();
  };
}

export default { render };
