// What is asked of a page from within. The file is one expression: an object of functions, which the checks
// evaluate in the browser's own world of scripts, so that the pages' policy needn't allow it.
({
  // What a keyboard must reach, in the order of the document.
  stops() {
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
    const reach = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex], [contenteditable]";
    const elements = [...document.querySelectorAll("*")].filter((element) => {
      if (!isShown(element)) return false;
      if (element.matches(reach)) return !element.disabled && element.tabIndex >= 0;
      // Browsers let a keyboard scroll what scrolls, unless something in it is reached anyway.
      const style = getComputedStyle(element);
      const scrolls = (overflow, room) => ["auto", "scroll"].includes(overflow) && room > 0;
      const isRoom = scrolls(style.overflowX, element.scrollWidth - element.clientWidth)
        || scrolls(style.overflowY, element.scrollHeight - element.clientHeight);
      return isRoom && element !== document.documentElement && element !== document.body
        && ![...element.querySelectorAll(reach)].some((inner) => inner.tabIndex >= 0 && isShown(inner));
    });
    // Of a group of radio buttons one is a stop: the chosen one, else the first.
    const groups = new Map();
    return elements.filter((element) => {
      if (element.type !== "radio") return true;
      const group = [...document.querySelectorAll(`input[type=radio][name="${CSS.escape(element.name)}"]`)];
      const stop = group.find((radio) => radio.checked) || group[0];
      if (groups.has(element.name)) return false;
      if (element === stop) groups.set(element.name, element);
      return element === stop;
    });
  },

  name(element) {
    if (!element || element === document.body) return "the page";
    const text = (element.getAttribute("aria-label") || element.textContent || element.name || "").trim();
    return `${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""} "${text.replace(/\s+/g, " ").slice(0, 40)}"`;
  },

  // Before a walk by keyboard: the names of its stops. They are kept, since finding them takes a while.
  names() {
    this.known = this.stops();
    return this.known.map((element) => this.name(element));
  },

  // What has the focus: its name, and what is wrong with how it shows that.
  async focused() {
    // What comes after a frame gets the focus with one of the next tasks: the frame is another process.
    const isNowhere = () => !document.activeElement || document.activeElement === document.body;
    for (let frame = 0; frame < 60 && isNowhere(); frame += 1) await new Promise(requestAnimationFrame);
    if (isNowhere()) return { name: "the page", at: -1, faults: [] };
    const element = document.activeElement;
    // A frame has as many stops as there are links in it: none, for a letter without one. They show the focus themselves.
    if (element.matches("iframe")) return { name: this.name(element), isFrame: true, faults: [] };
    const faults = [];
    const at = this.known.indexOf(element);
    // A date has stops of its own within: month, day, year, calendar.
    const hasParts = element.matches("input[type=date], input[type=time], input[type=datetime-local], input[type=month]");
    const ringed = [element, element.closest("label")].find((one) => {
      if (!one) return false;
      const style = getComputedStyle(one);
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    });
    if (!ringed) {
      faults.push("no focus ring");
    } else {
      const ring = this.rgb(getComputedStyle(ringed).outlineColor);
      const contrast = this.contrast(ring, this.ground(ringed.parentElement));
      if (contrast < 3) faults.push(`focus ring with a contrast of ${contrast.toFixed(1)}`);
    }
    // The middle of what is seen of it: of a text of some lines browsers show the line with the caret, and what
    // is partly seen is found (WCAG 2.4.11).
    const seen = () => {
      const box = element.getClientRects()[0];
      const [left, right] = [Math.max(0, box.left), Math.min(innerWidth, box.right)];
      const [top, bottom] = [Math.max(0, box.top), Math.min(innerHeight, box.bottom)];
      return left < right && top < bottom ? [(left + right) / 2, (top + bottom) / 2] : null;
    };
    // Browsers scroll to what has the focus with one of the next frames.
    for (let frame = 0; frame < 60 && !seen(); frame += 1) await new Promise(requestAnimationFrame);
    const [x, y] = seen() ?? [];
    if (x === undefined) {
      faults.push("focused out of sight");
    } else {
      const top = document.elementFromPoint(x, y);
      if (top && !element.contains(top) && !top.contains(element)) faults.push(`covered by ${this.name(top)}`);
    }
    return { name: this.name(element), at, hasParts, faults };
  },

  // A colour as the browser paints it, whatever notation the style has.
  rgb(colour) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const pen = canvas.getContext("2d");
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  },

  ground(element) {
    for (let one = element; one; one = one.parentElement) {
      const colour = this.rgb(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return this.rgb("Canvas");
  },

  contrast(one, other) {
    const light = (colour) => {
      const [r, g, b] = colour.slice(0, 3).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  },

  // Ways in which what is seen could stand in another order than what is tabbed through.
  reordered() {
    return [...document.querySelectorAll("*")].filter((element) => {
      const style = getComputedStyle(element);
      return element.tabIndex > 0 || style.order !== "0" || style.flexDirection.endsWith("reverse");
    }).map((element) => this.name(element));
  },

  // What stands out at the side, and makes people scroll to read a line.
  overflowing() {
    const width = document.documentElement.clientWidth;
    if (document.scrollingElement.scrollWidth <= width) return [];
    const wide = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > width + 1);
    const inner = wide.filter((element) => ![...element.children].some((child) => wide.includes(child)));
    return [`${document.scrollingElement.scrollWidth} of ${width} pixels`, ...inner.slice(0, 5).map((element) => this.name(element))];
  },

  // What the page weighs with all that it loads, uncompressed and without images.
  weight() {
    const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    const isImage = (entry) => ["img", "image", "icon"].includes(entry.initiatorType) || /\.(png|svg|jpe?g|webp|ico)$/.test(entry.name);
    return loaded.filter((entry) => !isImage(entry)).reduce((sum, entry) => sum + entry.decodedBodySize, 0);
  },
})
