// What is wanted, in the address (so that it can be linked) and in the lists to choose from.

class Wanting {
  constructor(root, data) {
    this.root = root;
    this.source = data.served ? new Served(data) : new Embedded(data);
    this.wanted = { values: {}, cell: "", outcome: "", text: "" };
    this.view = { kind: "list" };
    this.trail = [null];
    for (const name of ["app", "facets", "extra", "compare", "status", "news", "list", "switch",
      "filters"]) this[name] = root.querySelector(".rv-" + name);
    this.search = root.querySelector("#rv-text");
    this.pickers = ["a", "b"].map((name) => root.querySelector("#rv-" + name));
    this.app.hidden = false;
    this.drawFilters();
  }

  get data() {
    return this.source.data;
  }

  // The address

  read(scroll) {
    const [kind, rest] = splitHash(location.hash);
    if (kind === null) {
      if (!this.drawn) this.load();
      return;
    }
    this.wanted = { values: {}, cell: "", outcome: "", text: "" };
    this.view = { kind: "list" };
    if (kind === "reply") this.view = { kind: "one", id: rest };
    if (kind === "compare") this.view = { ...Object.fromEntries(new URLSearchParams(rest)), kind };
    for (const [name, value] of kind === "replies" ? new URLSearchParams(rest) : []) {
      if (["cell", "outcome", "text"].includes(name)) this.wanted[name] = value;
      else this.wanted.values[name] = spelled(value);
    }
    this.trail = [null];
    this.showFilters();
    this.load();
    if (scroll) this.root.scrollIntoView();
  }

  write() {
    const parts = new URLSearchParams(this.wanted.values);
    for (const name of ["cell", "outcome", "text"]) {
      if (this.wanted[name]) parts.set(name, this.wanted[name]);
    }
    const hash = this.view.kind === "compare"
      ? "#compare?" + new URLSearchParams({ a: this.view.a, b: this.view.b })
      : "#replies" + (String(parts) ? "?" + parts : "");
    history.replaceState(null, "", hash);
  }

  changed() {
    this.trail = [null];
    this.write();
    this.showFilters();
    this.load();
  }

  // Filters

  drawFilters() {
    const lists = this.data.facets.map((name) => {
      const place = this.data.columns.indexOf(name);
      const values = [...new Set(this.data.cells.map((cell) => cell.values[place]))];
      return this.picker(name, values);
    });
    const kinds = this.data.outcomes.filter((name) => countOf(this.data, this.data.cells, name) > 0);
    this.facets.replaceChildren(...lists,
      ...(this.data.what === "laws" ? [] : [this.picker("outcome", kinds)]));
    for (const picker of this.pickers) {
      picker.replaceChildren(...this.data.cells.map((cell) =>
        make("option", { value: cell.key }, `${labelOf(this.data, cell)} (${number(countOf(this.data, [cell]))})`)));
    }
    this.showFilters();
  }

  picker(name, values) {
    const id = "rv-by-" + name;
    const select = make("select", { id, "data-name": name }, make("option", { value: "" }, "all"),
      ...values.map((value) => {
        const option = make("option", {}, plainly(value));
        option.value = "=" + value;
        return option;
      }));
    return make("p", { class: "rv-field" }, make("label", { for: id }, name), select);
  }

  showFilters() {
    for (const select of this.facets.querySelectorAll("select")) {
      const name = select.dataset.name;
      const value = name === "outcome" ? this.wanted.outcome : this.wanted.values[name];
      select.value = value ? "=" + value : "";
    }
    if (this.search !== document.activeElement) this.search.value = this.wanted.text;
    const shown = new Set(this.data.facets);
    // What holds of every cell filters nothing: a link may say it, a reader need not be told.
    const others = Object.entries(this.wanted.values).filter(([name, value]) =>
      !shown.has(name) && this.data.fixed[name] !== value);
    if (this.wanted.cell) others.push(["cell", this.cellName()]);
    if (this.view.kind === "one") others.push(["one reply", this.view.id]);
    this.extra.replaceChildren(...others.map(([name, value]) => this.chip(name, value)));
    const compares = this.view.kind === "compare";
    this.compare.hidden = !compares;
    this.filters.classList.toggle("rv-comparing", compares);
    this.switch.setAttribute("aria-pressed", String(compares));
    if (compares) this.showPicked();
  }

  cellName() {
    const cell = this.source.cells.get(this.wanted.cell);
    return cell ? labelOf(this.data, cell) : "an unknown one";
  }

  chip(name, value) {
    const button = make("button", { type: "button", class: "rv-chip" },
      plainly(`${name}: ${value}`), make("span", { "aria-hidden": "true" }, " ×"),
      make("span", { class: "rv-hidden" }, ", remove this filter"));
    button.addEventListener("click", () => {
      if (name === "cell") this.wanted.cell = "";
      delete this.wanted.values[name];
      if (this.view.kind === "one") this.view = { kind: "list" };
      this.changed();
    });
    return button;
  }

  // Two cells. Left out, they are the first cell with a twin, and its twin.

  showPicked() {
    const cells = this.data.cells;
    const first = this.source.cells.get(this.view.a) ||
      cells.find((cell) => cell.twin && cell.arm === "conflict") || cells[0];
    if (!first) return;
    const other = this.source.cells.get(this.view.b) || this.source.cells.get(first.twin) ||
      cells.find((cell) => cell !== first) || first;
    Object.assign(this.view, { a: first.key, b: other.key });
    this.pickers.forEach((picker, at) => { picker.value = at ? other.key : first.key; });
  }
}

// "#reply=<id>", "#replies?name=value" and "#compare?a=..&b=.." are the viewer's; others are not.
function splitHash(hash) {
  const match = /^#(?:(reply)=(.*)|(replies|compare)(?:\?(.*))?)$/s.exec(hash);
  if (!match) return [null, ""];
  return match[1] ? ["reply", match[2]] : [match[3], match[4] || ""];
}
