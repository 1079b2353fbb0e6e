// Where replies come from: the page's own data, or the server that sent the page. Both answer
// page(wanted), one(id) and whole(id) in the same shape, so that what shows them knows no other.
// wanted = {values: {column: text}, cell, outcome, text, at, limit}; the answer of page is
// {replies, prompts, total, next, looked, of}; `at` and `next` are opaque, null at the beginning
// and the end.

function idOf(reply) {
  return reply.c + "-" + reply.i;
}

// Capitals do not matter, here as on the server.
function folding(text) {
  return text.toLowerCase();
}


class Embedded {
  constructor(data) {
    this.data = data;
    this.cells = new Map(data.cells.map((cell) => [cell.key, cell]));
  }

  matches(wanted) {
    const places = new Set(chosenCells(this.data, wanted).map((cell) => cell.key));
    const needle = folding(wanted.text || "");
    return this.data.replies.filter((reply) =>
      places.has(reply.c) &&
      (!wanted.outcome || reply.outcome === wanted.outcome) &&
      (!needle || folding(reply.parts.map(([kind, text]) => kind === "gap" ? "\u0000" : text)
        .join("")).includes(needle)));
  }

  async page(wanted) {
    const found = this.matches(wanted);
    const start = Number(wanted.at || 0);
    const end = start + wanted.limit;
    return {
      replies: found.slice(start, end),
      prompts: this.data.prompts,
      start,
      total: found.length,
      next: end < found.length ? String(end) : null,
    };
  }

  async one(id) {
    const reply = this.data.replies.find((other) => idOf(other) === id);
    return reply ? { replies: [reply], prompts: this.data.prompts } : null;
  }

  async whole() {
    return null;
  }
}

class Served {
  constructor(data) {
    this.update(data);
  }

  update(data) {
    this.data = data;
    this.cells = new Map(data.cells.map((cell) => [cell.key, cell]));
  }

  async ask(path, parameters) {
    const query = new URLSearchParams(parameters || {});
    const answer = await fetch("/api/" + path + "?" + query, { credentials: "omit" });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error || "the server could not answer");
    return found;
  }

  async page(wanted) {
    const parameters = { limit: wanted.limit, ...prefixed(wanted.values) };
    for (const name of ["at", "outcome", "text", "cell"]) {
      if (wanted[name]) parameters[name] = wanted[name];
    }
    return this.ask("replies", parameters);
  }

  async one(id) {
    const found = await this.ask("reply", { id });
    return found.replies.length ? found : null;
  }

  async whole(id) {
    return this.ask("reply", { id, whole: "yes" });
  }

  async status() {
    return this.ask("status");
  }

  async counts() {
    return this.ask("cells");
  }
}

function prefixed(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => ["by." + name, value]));
}

function chosenCells(data, wanted) {
  return data.cells.filter((cell) =>
    (!wanted.cell || cell.key === wanted.cell) &&
    Object.entries(wanted.values || {}).every(([name, value]) => valueOf(data, cell, name) === value));
}

function valueOf(data, cell, name) {
  const place = data.columns.indexOf(name);
  return place >= 0 ? cell.values[place] : data.fixed[name];
}

function countOf(data, cells, outcome) {
  const place = outcome ? data.outcomes.indexOf(outcome) : -1;
  let found = 0;
  for (const cell of cells) {
    for (const [at, count] of cell.counts.entries()) {
      if (place < 0 || at === place) found += count;
    }
  }
  return found;
}

// A factor's value as the data spells it, however a link spelled it.
function spelled(value) {
  const text = String(value);
  if (["None", "null", "undefined", "NaN", "nan", ""].includes(text)) return "none";
  if (text === "True" || text === "False") return text.toLowerCase();
  return /^-?\d+\.0+$/.test(text) ? text.replace(/\.0+$/, "") : text;
}
