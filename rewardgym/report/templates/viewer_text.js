// Hostile text into text nodes. Nothing in this viewer makes markup from data: `make` sets
// attributes from this file's own words only, and `visible` writes what a model wrote.

function make(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(key, String(value));
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Whatever has no picture of its own, or changes how its neighbours are drawn. An emoji keeps the
// joiners inside it; everywhere else they are shown.
const UNSEEN =
  /(\p{Extended_Pictographic}\uFE0F?(?:\u200D\p{Extended_Pictographic}\uFE0F?)*)|(?![\n\t])([\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029\uFFF9-\uFFFB\uFFFE\uFFFF\u2800])\2*/gu;
const MOST_BOXES = 2000;

const NAMES = {
  0x00: "null", 0x07: "bell", 0x08: "backspace", 0x0d: "carriage return", 0x1b: "escape",
  0x7f: "delete", 0xad: "soft hyphen", 0x200b: "zero width space",
  0x200c: "zero width non-joiner", 0x200d: "zero width joiner", 0x200e: "left-to-right mark",
  0x200f: "right-to-left mark", 0x2028: "line separator", 0x2029: "paragraph separator",
  0x202a: "left-to-right embedding", 0x202b: "right-to-left embedding",
  0x202c: "pop directional formatting", 0x202d: "left-to-right override",
  0x202e: "right-to-left override", 0x2060: "word joiner", 0x2066: "left-to-right isolate",
  0x2067: "right-to-left isolate", 0x2068: "first strong isolate",
  0x2069: "pop directional isolate", 0xfeff: "byte order mark",
};

function codeOf(char) {
  return "U+" + char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

function nameOf(char) {
  const code = char.codePointAt(0);
  if (code >= 0xd800 && code <= 0xdfff) return "half of a surrogate pair";
  return NAMES[code] || "a character that is not seen";
}

// The text as nodes: unseen characters as boxes with their code, a run of one as one box.
function visible(text) {
  const found = document.createDocumentFragment();
  let at = 0;
  let boxes = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match[1] !== undefined) continue;
    if (match.index > at) found.append(text.slice(at, match.index));
    const times = match[0].length / match[2].length;
    const label = codeOf(match[2]) + (times > 1 ? "×" + times : "");
    if (boxes === MOST_BOXES) {
      // A megabyte of them would be a million nodes; the rest is told in words.
      found.append(plainly(text.slice(match.index)));
      return found;
    }
    boxes += 1;
    const title = nameOf(match[2]);
    found.append(make("span", { class: "rv-unseen", title }, label));
    at = match.index + match[0].length;
  }
  if (at < text.length) found.append(text.slice(at));
  return found;
}

// One line of text for labels: as visible as above, but in a string.
function plainly(text) {
  return String(text).replace(UNSEEN, (all, emoji, char) =>
    emoji === undefined ? "[" + codeOf(char) + "]" : all);
}

function number(value) {
  return Number(value).toLocaleString("en-US");
}

const FOLDED = {
  reasoning: "Reasoning",
  after: "After the end of the turn, not read",
};

// A reply's or a message's parts; neighbours of one kind share a block.
function textOf(parts) {
  const found = make("div", { class: "rv-parts" });
  let block = null;
  let kindOfBlock = "";
  for (const [index, [kind, text]] of parts.entries()) {
    const gap = kind === "gap";
    const wanted = gap ? kindOfBlock || "text" : FOLDED[kind] ? kind : "text";
    if (block === null || wanted !== kindOfBlock) {
      block = make("div", { class: "rv-text", dir: "auto" });
      kindOfBlock = wanted;
      found.append(FOLDED[wanted] ? folded(wanted, parts.slice(index), block) : block);
    }
    if (gap) {
      block.append(make("span", { class: "rv-gap" }, `… ${number(text)} characters left out …`));
    } else if (kind === "mark") {
      block.append(make("mark", { class: "rv-read", title: "the answer that was read" },
        visible(text)));
    } else {
      block.append(visible(text));
    }
  }
  if (!parts.some(([, text]) => text !== "")) {
    found.replaceChildren(make("p", { class: "rv-none" }, "nothing: the text is empty"));
  }
  return found;
}

function folded(kind, parts, block) {
  let length = 0;
  for (const [other, text] of parts) {
    if (other !== kind && other !== "gap") break;
    length += other === "gap" ? Number(text) : [...text].length;
  }
  return make("details", { class: "rv-folded" },
    make("summary", {}, `${FOLDED[kind]} (${number(length)} characters)`), block);
}

// Words, blanks and single signs: what a difference of two prompts is told in.
function words(text) {
  return text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) || [];
}

const MOST_STEPS = 4_000_000;

// [same, text] pairs for each of two texts: the longest common subsequence of their words.
function difference(one, other) {
  const a = words(one);
  const b = words(other);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const middle = common(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const side = (all, kept) => joined([
    ...all.slice(0, head).map((word) => [true, word]),
    ...all.slice(head, all.length - tail).map((word, at) => [kept.has(at), word]),
    ...all.slice(all.length - tail).map((word) => [true, word]),
  ]);
  return [side(a, middle.a), side(b, middle.b)];
}

// The places of a longest common subsequence. Texts too long for the table share nothing, which
// marks too much rather than too little.
function common(a, b) {
  const found = { a: new Set(), b: new Set() };
  if (a.length * b.length > MOST_STEPS) return found;
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = a[i] === b[j]
        ? longest[(i + 1) * width + j + 1] + 1
        : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) {
      found.a.add(i++);
      found.b.add(j++);
    } else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) i += 1;
    else j += 1;
  }
  return found;
}

function joined(pieces) {
  const found = [];
  for (const [same, word] of pieces) {
    const last = found[found.length - 1];
    if (last && last[0] === same) last[1] += word;
    else found.push([same, word]);
  }
  return found;
}

function marked(pieces) {
  const found = make("div", { class: "rv-text", dir: "auto" });
  for (const [same, text] of pieces) {
    found.append(same ? visible(text)
      : make("mark", { class: "rv-differs", title: "differs" }, visible(text)));
  }
  return found;
}
