// The viewer itself: pages of what is wanted, two cells side by side, keys.

function findData() {
  for (const node of document.querySelectorAll('script[type="application/json"]')) {
    if (node.textContent.startsWith('{"rewardgym_replies":')) return JSON.parse(node.textContent);
  }
  return null;
}

class Viewer extends Wanting {
  constructor(root, data) {
    super(root, data);
    this.limit = 10;
    this.turn = 0;
    this.complete = true;
    this.listen();
    this.read(true);
  }

  // Loading

  async load() {
    const turn = this.turn += 1;
    this.drawn = true;
    this.news.hidden = true;
    this.list.setAttribute("aria-busy", "true");
    try {
      if (this.view.kind === "one") await this.loadOne(turn);
      else if (this.view.kind === "compare") await this.loadTwo(turn);
      else await this.loadList(turn);
    } catch (error) {
      if (turn === this.turn) this.say(String(error.message || error));
    }
    if (turn === this.turn) this.list.removeAttribute("aria-busy");
  }

  request(more) {
    return { ...this.wanted, at: this.trail[this.trail.length - 1], limit: this.limit, ...more };
  }

  // A search over many replies comes in pieces: what is found is shown while it goes on.
  async gather(request, turn, show) {
    const found = await this.source.page(request);
    while (turn === this.turn) {
      show(found);
      if (found.total !== null || found.next === null || found.replies.length >= request.limit) break;
      const more = await this.source.page({ ...request, at: found.next,
        limit: request.limit - found.replies.length });
      found.replies.push(...more.replies);
      Object.assign(found.prompts, more.prompts);
      Object.assign(found, { next: more.next, looked: more.looked, of: more.of });
    }
    return found;
  }

  async loadList(turn) {
    await this.gather(this.request(), turn, (found) => {
      this.next = found.next;
      this.complete = found.replies.length < this.limit;
      this.list.replaceChildren(...found.replies.map((reply) => this.card(reply, found.prompts)));
      this.say(this.counted(found));
      this.buttons();
    });
  }

  counted(found) {
    if (!this.data.cells.length || !countOf(this.data, this.data.cells)) {
      return `No ${this.data.what} are stored yet.`;
    }
    const unknown = Object.keys(this.wanted.values).filter((name) =>
      !this.data.columns.includes(name) && !(name in this.data.fixed));
    if (unknown.length) return `No ${this.data.what}: the run has no column ${plainly(unknown.join(", "))}.`;
    const cells = chosenCells(this.data, this.wanted);
    const all = countOf(this.data, cells, this.wanted.outcome);
    const start = found.start || 0;
    const range = `${number(start + 1)} to ${number(start + found.replies.length)}`;
    if (found.total === null) {
      const far = found.next === null && !this.trail[this.trail.length - 1]
        ? `all ${number(all)} ${this.data.what}`
        : `${number(found.looked)} of ${number(found.of)} ${this.data.what}`;
      return `${number(found.replies.length)} with this text on this page; searched ${far}.`;
    }
    if (!found.total) {
      return all && !this.wanted.text
        ? `None of the ${number(all)} ${this.data.what} that match are in this file.`
        : `No ${this.data.what} match.`;
    }
    const named = this.data.what[0].toUpperCase() + this.data.what.slice(1);
    if (found.total === all) return `${named} ${range} of ${number(all)} that match.`;
    const such = this.wanted.text ? "searched among those shown of" : "of";
    return `${named} ${range} of the ${number(found.total)} shown that match, ${such} ${number(all)} such in the run.`;
  }

  async loadOne(turn) {
    const found = await this.source.one(this.view.id);
    if (turn !== this.turn) return;
    this.next = null;
    this.complete = false;
    this.buttons();
    this.list.replaceChildren(...(found ? found.replies : []).map((reply) =>
      this.card(reply, found.prompts)));
    this.say(found ? "One reply, by its link." : this.data.served
      ? "No such reply in this run."
      : "This reply is not among those shown here; the command rewardgym view shows all of them.");
  }

  async loadTwo(turn) {
    this.showPicked();
    this.write();
    const keys = [this.view.a, this.view.b];
    if (!keys[0]) return this.say("No cells to compare.");
    const found = await Promise.all(keys.map((cell) => this.source.page(
      { values: {}, cell, outcome: "", text: "", at: this.trail[this.trail.length - 1], limit: this.limit })));
    if (turn !== this.turn) return undefined;
    this.next = found.map((one) => one.next).find((next) => next !== null) || null;
    this.complete = false;
    this.list.replaceChildren(this.two(keys, found));
    this.say(keys[0] === keys[1] ? "The same cell twice: choose another."
      : "Two cells. Where their prompts differ is marked.");
    return this.buttons();
  }

  two(keys, found) {
    const cells = keys.map((key) => this.source.cells.get(key));
    const prompts = found.map((one) => one.replies.length ? one.prompts[one.replies[0].p] : null);
    const shown = prompts.every(Boolean) ? compared(prompts) : [null, null];
    return make("div", { class: "rv-columns" }, ...cells.map((cell, at) =>
      make("section", { class: "rv-side", "aria-label": labelOf(this.data, cell) },
        make("h3", { class: "rv-head" }, at ? "The other cell" : "One cell"), placeOf(this.data, cell),
        make("p", { class: "rv-why" }, this.tally(cell)),
        prompts[at] ? promptOf(prompts[at], shown[at]) : make("p", { class: "rv-none" }, "no reply to show"),
        prompts[at] ? hintOf(prompts[at], cell) : null,
        ...found[at].replies.map((reply) => this.card(reply, null)))));
  }

  tally(cell) {
    const said = this.data.outcomes.map((name, at) => [name, cell.counts[at]])
      .filter(([, count]) => count).map(([name, count]) => `${name} ${number(count)}`);
    return said.join(", ") || "no replies";
  }

  card(reply, prompts) {
    const expand = !this.data.served ? null : (button) => this.expand(reply, prompts, button);
    return prompts ? cardOf(this.source, reply, prompts, expand)
      : smallCardOf(this.source, reply, expand);
  }

  async expand(reply, prompts, button) {
    button.disabled = true;
    try {
      const found = await this.source.whole(idOf(reply));
      const card = this.card(found.replies[0], prompts && found.prompts);
      button.closest(".rv-card").replaceWith(card);
      card.focus();
    } catch (error) {
      button.disabled = false;
      this.say(String(error.message || error));
    }
  }

  say(text) {
    this.status.textContent = text;
  }

  // Pages

  buttons() {
    for (const button of this.root.querySelectorAll("[data-go]")) {
      button.disabled = button.dataset.go === "next" ? this.next === null : this.trail.length < 2;
    }
  }

  async go(where) {
    if (where === "next" && this.next !== null) this.trail.push(this.next);
    else if (where === "back" && this.trail.length > 1) this.trail.pop();
    else if (where === "first") this.trail = [null];
    else return;
    await this.load();
    this.status.scrollIntoView({ block: "nearest" });
  }

  // Keys and clicks

  listen() {
    window.addEventListener("hashchange", () => this.read(true));
    this.filters.addEventListener("submit", (event) => event.preventDefault());
    this.filters.addEventListener("reset", () => {
      this.wanted = { values: {}, cell: "", outcome: "", text: "" };
      this.view = { kind: "list" };
      this.search.blur();
      this.changed();
    });
    this.facets.addEventListener("change", (event) => this.picked(event.target));
    this.search.addEventListener("input", () => {
      clearTimeout(this.pause);
      this.pause = setTimeout(() => this.typed(), 250);
    });
    this.switch.addEventListener("click", () => {
      this.view = { kind: this.view.kind === "compare" ? "list" : "compare" };
      this.changed();
    });
    this.compare.addEventListener("change", () => {
      this.view = { kind: "compare", a: this.pickers[0].value, b: this.pickers[1].value };
      this.changed();
    });
    for (const button of this.root.querySelectorAll("[data-go]")) {
      button.addEventListener("click", () => this.go(button.dataset.go));
    }
    this.root.querySelector(".rv-limit").addEventListener("change", (event) => {
      this.limit = Number(event.target.value);
      this.trail = [null];
      this.load();
    });
    document.addEventListener("keydown", (event) => this.key(event));
  }

  picked(select) {
    const value = select.value.slice(1);
    if (select.dataset.name === "outcome") this.wanted.outcome = value;
    else if (value) this.wanted.values[select.dataset.name] = value;
    else delete this.wanted.values[select.dataset.name];
    this.view = { kind: "list" };
    this.changed();
  }

  typed() {
    this.wanted.text = this.search.value;
    this.view = { kind: "list" };
    this.changed();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    const card = event.target.closest(".rv-card");
    if (event.key === "Escape") this.escape(typing, card);
    else if (typing) return;
    else if (event.key === "/") this.search.focus();
    else if (event.key === "j" || (event.target === card && event.key === "ArrowDown")) this.step(1);
    else if (event.key === "k" || (event.target === card && event.key === "ArrowUp")) this.step(-1);
    else return;
    event.preventDefault();
  }

  escape(typing, card) {
    if (typing === this.search && this.search.value) {
      this.search.value = "";
      this.typed();
    } else if (typing === this.search || card) {
      document.activeElement.blur();
    } else if (this.view.kind !== "list") {
      this.view = { kind: "list" };
      this.changed();
    }
  }

  step(by) {
    const cards = [...this.list.querySelectorAll(".rv-card")];
    const here = cards.indexOf(document.activeElement.closest(".rv-card"));
    const next = cards[here < 0 ? 0 : here + by];
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "start" });
  }
}

// The prompts' messages, pairwise by place, with what differs marked.
function compared(prompts) {
  const shown = [[], []];
  const longest = Math.max(...prompts.map((prompt) => prompt.messages.length));
  for (let at = 0; at < longest; at += 1) {
    const texts = prompts.map((prompt) => at < prompt.messages.length
      ? prompt.messages[at][1].map(([kind, text]) => kind === "gap" ? `… ${text} characters …` : text).join("") : "");
    difference(...texts).forEach((pieces, side) => shown[side].push(marked(pieces)));
  }
  return shown;
}
