// While a sweep writes: a cheap question every few seconds. What is being read is not moved: new
// replies are offered, and shown at once only where the page has room for them.

const EVERY = 3000;

class Live {
  constructor(viewer) {
    this.viewer = viewer;
    this.stamp = null;
    this.waiting = 0;
    this.failed = 0;
    this.button = viewer.news.querySelector("button");
    this.button.addEventListener("click", () => {
      this.waiting = 0;
      viewer.load();
    });
    this.wait();
  }

  wait() {
    setTimeout(() => this.look(), EVERY);
  }

  async look() {
    try {
      if (!document.hidden) await this.ask();
      this.failed = 0;
    } catch {
      this.failed += 1;
      if (this.failed > 2) {
        this.viewer.say("No answer from the server: rewardgym view has ended.");
        return;
      }
    }
    this.wait();
  }

  async ask() {
    const { stamp, rows, report } = await this.viewer.source.status();
    if (report) this.offerReport();
    const first = this.stamp === null;
    if (stamp === this.stamp || (first && rows === countOf(this.viewer.data, this.viewer.data.cells))) {
      this.stamp = stamp;
      return;
    }
    this.stamp = stamp;
    const before = countOf(this.viewer.data, this.viewer.data.cells);
    this.viewer.source.update({ served: true, ...await this.viewer.source.counts() });
    const now = countOf(this.viewer.data, this.viewer.data.cells);
    document.getElementById("rv-total").textContent = number(now);
    if (now !== before) this.tell(now - before);
  }

  // A page that was sent while the report was being made says when it is there.
  offerReport() {
    const note = document.querySelector("[data-report='coming']");
    if (note === null) return;
    note.removeAttribute("data-report");
    note.replaceChildren(make("a", { href: "/" }, "The report is drawn: show it"));
  }

  tell(more) {
    const focused = document.activeElement;
    if (!focused || !focused.closest(".rv-filters, .rv-compare")) this.viewer.drawFilters();
    if (this.viewer.complete) {
      this.waiting = 0;
      this.viewer.load();
      return;
    }
    this.waiting += more;
    this.button.textContent = `${number(this.waiting)} new ${this.viewer.data.what}: show them`;
    this.viewer.news.hidden = false;
  }
}

(() => {
  const data = findData();
  const root = document.querySelector(".rv");
  if (data === null || root === null || root.querySelector(".rv-app") === null) return;
  const viewer = new Viewer(root, data);
  if (data.served) new Live(viewer);
})();
