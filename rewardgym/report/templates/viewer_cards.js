// One reply as a card: outcome and why, the prompt by role, the decoded hint, the reply itself.

function outcomeOf(name) {
  return make("span", { class: "rv-outcome", "data-outcome": name }, name);
}

function fact(name, ...value) {
  return [make("dt", {}, name), make("dd", {}, ...value)];
}

function isolated(text) {
  return make("bdi", {}, plainly(text));
}

// Where a cell stands: the columns that vary in the run.
function placeOf(data, cell) {
  const found = make("p", { class: "rv-place" });
  const names = data.facets.length ? data.facets : ["checkpoint"];
  for (const name of names) {
    found.append(make("span", { class: "rv-value" },
      make("span", { class: "rv-name" }, name), " ", isolated(valueOf(data, cell, name))));
  }
  return found;
}

function labelOf(data, cell) {
  const names = data.facets.length ? data.facets : ["checkpoint"];
  return names.map((name) => plainly(valueOf(data, cell, name))).join(" · ");
}

function promptOf(prompt, shown) {
  const found = make("div", { class: "rv-prompt" });
  for (const [place, [role, parts]] of prompt.messages.entries()) {
    found.append(make("div", { class: "rv-message" },
      make("p", { class: "rv-role" }, plainly(role)),
      shown ? shown[place] : textOf(parts)));
  }
  return found;
}

function hintOf(prompt, cell) {
  const drawn = Object.entries(prompt.params || {});
  const hint = prompt.hint === null ? ["none"] : [make("code", { dir: "auto" }, visible(prompt.hint))];
  return make("dl", { class: "rv-facts" },
    ...fact("hint, decoded", ...hint),
    ...fact("it favours", cell.favours || "neither side"),
    ...fact("asked for", cell.asked),
    ...fact("arm", cell.arm),
    ...(drawn.length ? fact("drawn", drawn.map(([key, value]) => `${key} = ${value}`).join(", ")) : []));
}

function methodOf(data, cell, prompt, reply) {
  return make("details", { class: "rv-method" },
    make("summary", {}, "How it was made"),
    make("dl", { class: "rv-facts" },
      ...fact("variant", isolated(cell.variant)),
      ...fact("prompt's sha256", make("code", {}, prompt.sha256)),
      ...(reply.law ? [] : fact("ended by", isolated(reply.finish))),
      ...fact(reply.law ? "tokens read" : "tokens", reply.tokens === null ? "not counted" : number(reply.tokens)),
      ...fact("policy", make("code", { dir: "auto" }, visible(data.policies[cell.policy])))));
}

// A law's likeliest answers, each with its side and its share of all that the model may say.
function lawOf(law) {
  const rows = law.answers.map(([answer, side, share]) => make("tr", {},
    make("td", {}, isolated(answer)), make("td", {}, side === null ? "–" : side),
    make("td", { class: "rv-share" }, share)));
  if (law.rest) {
    rows.push(make("tr", {}, make("td", { colspan: "2" }, `${number(law.rest[0])} more answers`),
      make("td", { class: "rv-share" }, law.rest[1])));
  }
  return make("table", { class: "rv-law" },
    make("thead", {}, make("tr", {}, ...["answer", "side"].map((name) =>
      make("th", { scope: "col" }, name)), make("th", { scope: "col", class: "rv-share" }, "probability"))),
    make("tbody", {}, ...rows));
}

function replyOf(source, reply, expand) {
  const law = reply.law;
  const found = make("div", { class: "rv-reply" },
    make("p", { class: "rv-role" }, law ? "law of the answer" : "reply"),
    law && !reply.parts.length ? null : textOf(reply.parts),
    law && law.answers.length ? lawOf(law) : null);
  if (reply.note) found.append(make("p", { class: "rv-note" }, reply.note));
  if (reply.cut && expand) {
    const button = make("button", { type: "button", class: "rv-more" },
      `Show all ${number(reply.length)} characters`);
    button.addEventListener("click", () => expand(button));
    found.append(button);
  } else if (reply.cut) {
    found.append(make("p", { class: "rv-note" },
      `${number(reply.length)} characters in all; the command `, make("code", {}, "rewardgym view"),
      " shows all of them."));
  }
  return found;
}

function linkName(reply) {
  return `Link to this ${reply.law ? "law" : "reply"}`;
}

function linksOf(cell, reply) {
  const id = idOf(reply);
  return make("p", { class: "rv-links" },
    make("a", { href: "#reply=" + id }, linkName(reply)),
    make("a", { href: "#replies?cell=" + cell.key }, "All of its cell"),
    cell.twin ? make("a", { href: `#compare?a=${cell.key}&b=${cell.twin}` }, "Beside its twin") : null);
}

function resultOf(law) {
  return law.rate === null ? "no answer on a side" : `${law.off} ${law.rate} of the answers on a side`;
}

function headOf(reply, level) {
  return make(level, { class: "rv-head", id: "head-" + idOf(reply) }, outcomeOf(reply.outcome), " ",
    reply.law ? resultOf(reply.law)
      : reply.answer === null ? "no answer read"
        : make("span", {}, "answer ", make("bdi", { class: "rv-answer" }, plainly(reply.answer))),
    make("span", { class: "rv-index" }, ` ${reply.law ? "law" : "reply"} ${number(reply.i)}`));
}

// A whole card. `expand(button)` fetches all of a reply that is cut, null where nothing more is.
function cardOf(source, reply, prompts, expand) {
  const cell = source.cells.get(reply.c);
  const prompt = prompts[reply.p];
  return make("article", {
    class: "rv-card", tabindex: "0", "data-id": idOf(reply), "aria-labelledby": "head-" + idOf(reply),
  },
  headOf(reply, "h3"), placeOf(source.data, cell),
  make("p", { class: "rv-why" }, visible(reply.why)),
  make("div", { class: "rv-columns" },
    make("div", {}, promptOf(prompt), hintOf(prompt, cell)),
    replyOf(source, reply, expand)),
  linksOf(cell, reply), methodOf(source.data, cell, prompt, reply));
}

// A reply without its prompt, for the view of two cells, where the prompts stand above.
function smallCardOf(source, reply, expand) {
  return make("article", {
    class: "rv-card", tabindex: "0", "data-id": idOf(reply), "aria-labelledby": "head-" + idOf(reply),
  }, headOf(reply, "h4"), make("p", { class: "rv-why" }, visible(reply.why)),
  replyOf(source, reply, expand),
  make("p", { class: "rv-links" }, make("a", { href: "#reply=" + idOf(reply) }, linkName(reply))));
}
