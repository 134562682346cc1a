"""What somebody with JavaScript finds out about a page that has none: each constant is an expression for the browser."""

from __future__ import annotations

_COLOURS = """
const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
const behind = element => {
  for (let each = element; each; each = each.parentElement) {
    const [red, green, blue, alpha = 1] = channels(getComputedStyle(each).backgroundColor);
    if (alpha === 1) return [red, green, blue];
  }
  return [255, 255, 255];
};
const luminance = colour => {
  const [red, green, blue] = colour.map(value => value / 255).map(
    value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};
const texts = () => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && parent.closest("desc") === null && parent.checkVisibility()) {
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      found.push([walker.currentNode.data.trim(), parent, [...range.getClientRects()].filter(each => each.width)]);
    }
  }
  return found;
};
"""

PALE = f"""(() => {{ {_COLOURS}
  return texts().flatMap(([text, parent]) => {{
    const style = getComputedStyle(parent), size = parseFloat(style.fontSize);
    const colour = channels(parent instanceof SVGElement ? style.fill : style.color).slice(0, 3);
    const found = contrast(colour, behind(parent));
    const enough = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    return found < enough ? [`${{text}}: ${{found.toFixed(2)}}`] : [];
  }});
}})()"""
"""The texts whose contrast is too low. Source: WCAG 2.2, 1.4.3 (AA)."""

FAINT = f"""(() => {{ {_COLOURS}
  return [...document.querySelectorAll("rect:not(.track)")].flatMap(bar => {{
    const found = contrast(channels(getComputedStyle(bar).fill).slice(0, 3), behind(bar));
    return found < 3 ? [`${{bar.className.baseVal}}: ${{found.toFixed(2)}}`] : [];
  }});
}})()"""
"""The bars whose contrast is too low. Source: WCAG 2.2, 1.4.11 (AA)."""

CUT = f"""(() => {{ {_COLOURS}
  const width = document.documentElement.clientWidth;
  return texts().flatMap(([text, parent, boxes]) => {{
    const hidden = getComputedStyle(parent).overflow !== "visible" && parent.scrollWidth > parent.clientWidth;
    return hidden || boxes.some(box => box.left < 0 || box.right > width + 0.5) ? [text] : [];
  }});
}})()"""
"""The texts of which a part is not on the page."""

COVERED = f"""(() => {{ {_COLOURS}
  const all = texts().flatMap(([text, parent, boxes]) => boxes.map(box => [text, box]));
  return all.flatMap(([text, one], number) => all.slice(number + 1).flatMap(([other, two]) => {{
    const across = Math.min(one.right, two.right) - Math.max(one.left, two.left);
    const down = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
    return across > 1 && down > 4 ? [`${{text}} / ${{other}}`] : [];
  }}));
}})()"""
"""The texts that lie on one another."""

WIDTH = "document.documentElement.scrollWidth"

BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"

HIDDEN_NAMES = "[...document.querySelectorAll('details li')].filter(each => !each.checkVisibility()).length"

FOCUSED = "document.activeElement.tagName"

RAN = "document.scripts.length + document.images.length"

UNFOLD = "document.querySelectorAll('details').forEach(each => { each.open = true })"
