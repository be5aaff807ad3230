// Notes on hover, focus and touch for everything with data-why, and the words of the charts' tooltips.
(() => {
  const note = document.createElement("div");
  note.id = "note";
  note.setAttribute("role", "tooltip");
  let shownFor = null;

  const hide = () => {
    shownFor = null;
    note.classList.remove("shown");
  };
  const show = (target) => {
    shownFor = target;
    note.textContent = target.dataset.why;
    if (!note.isConnected) document.body.append(note);
    note.classList.add("shown");
    const at = target.getBoundingClientRect();
    const left = at.left + at.width / 2 - note.offsetWidth / 2;
    const above = at.top - note.offsetHeight - 6;
    note.style.left = Math.max(8, Math.min(left, document.documentElement.clientWidth - note.offsetWidth - 8)) + "px";
    note.style.top = (above > 4 ? above : at.bottom + 6) + "px";
  };
  const toggle = (event) => {
    const target = event.target.closest?.("[data-why]");
    if (target) show(target);
    else if (shownFor) hide();
  };
  for (const name of ["mouseover", "focusin", "click"]) document.addEventListener(name, toggle);
  for (const name of ["scroll", "focusout"]) document.addEventListener(name, hide, true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const number = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 9 });
  const lines = (title, pairs) =>
    `<b>${escaped(title)}</b>` +
    pairs.map(([name, value]) => `<div><span>${escaped(name)}</span><span>${escaped(value)}</span></div>`).join("");

  window.holdfast = {
    // The points of one bar: its candle, its volume, and the fills in it.
    bar(points) {
      const pairs = [];
      for (const point of points) {
        if (point.seriesType === "candlestick") {
          const [, open, close, low, high] = point.value;
          pairs.push(["open", number(open)], ["high", number(high)], ["low", number(low)], ["close", number(close)]);
        } else if (point.seriesType === "bar" && point.value != null) pairs.push(["volume", number(point.value)]);
        else if (point.seriesType === "scatter") pairs.push([point.data.name, point.data.words]);
      }
      return lines(points[0].axisValue + " UTC", pairs);
    },
    // The points of one moment of the equity curve.
    equity(points) {
      const when = new Date(points[0].value[0]).toISOString().slice(0, 16).replace("T", " ");
      return lines(when + " UTC", points.map((p) => [p.seriesName, number(p.value[1]) + (p.seriesIndex ? " %" : "")]));
    },
  };
})();
