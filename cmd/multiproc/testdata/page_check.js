// Returns the accessibility faults of the page as a list of sentences.
(() => {
	const faults = [];
	const visible = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".hidden, .skip");
	const called = (e) => e.outerHTML.slice(0, 120).replace(/\s+/g, " ");
	const name = (e) => (e.getAttribute("aria-label") || [...(e.labels || [])].map((l) => l.textContent).join(" ") ||
		(e.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join(" ") ||
		e.textContent).trim();

	if (!document.documentElement.lang) faults.push("the page has no language");
	if (!document.title) faults.push("the page has no title");
	if (!document.querySelector("main")) faults.push("the page has no main");
	const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`two elements have the id ${id}`);
	for (const e of document.querySelectorAll("[aria-describedby], [aria-labelledby]")) {
		for (const id of `${e.getAttribute("aria-describedby") || ""} ${e.getAttribute("aria-labelledby") || ""}`.trim().split(/\s+/)) {
			if (!document.getElementById(id)) faults.push(`${called(e)} refers to ${id}, which does not exist`);
		}
	}

	for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
		const label = e.getAttribute("aria-label") || [...(e.labels || [])].map((l) => l.textContent).join(" ");
		if (visible(e) && !label.trim()) faults.push(`no label: ${called(e)}`);
	}
	for (const e of document.querySelectorAll("a, button, summary")) {
		if (visible(e) && !name(e)) faults.push(`no name: ${called(e)}`);
	}
	for (const e of document.querySelectorAll("svg[role=img]")) {
		if (!e.querySelector("title")?.textContent || !e.querySelector("desc")?.textContent) faults.push("a drawing has no title or no description");
	}
	for (const e of document.querySelectorAll("table")) {
		if ([...e.querySelectorAll("th")].some((th) => !th.scope)) faults.push(`a head without a scope: ${called(e)}`);
	}

	let level = 0;
	for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
		const is = Number(h.tagName[1]);
		if (is > level + 1) faults.push(`h${is} after h${level}: ${called(h)}`);
		level = is;
	}
	if (document.querySelectorAll("h1").length !== 1) faults.push("the page has not one h1");

	for (const e of document.querySelectorAll("[tabindex]")) if (e.tabIndex > 0) faults.push(`out of the order of the document: ${called(e)}`);
	for (const e of document.querySelectorAll("[style]")) faults.push(`an inline style: ${called(e)}`);

	const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (color) => {
		probe.clearRect(0, 0, 1, 1);
		probe.fillStyle = color;
		probe.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
		return [r, g, b, a / 255];
	};
	const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
	const canvas = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
	const background = (e) => {
		const layers = [];
		for (; e; e = e.parentElement) {
			const layer = rgba(getComputedStyle(e).backgroundColor);
			layers.push(layer);
			if (layer[3] === 1) break;
		}
		return layers.reverse().reduce((below, layer) => over(layer, below), canvas);
	};
	const luminance = (c) => {
		const [r, g, b] = c.slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const seen = new Set();
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement;
		if (!texts.currentNode.data.trim() || seen.has(e) || !visible(e) || e.closest("svg, script, style, option")) continue;
		seen.add(e);
		const style = getComputedStyle(e);
		const below = background(e);
		const [a, b] = [luminance(over(rgba(style.color), below)), luminance(below)].sort((x, y) => y - x);
		const size = parseFloat(style.fontSize);
		const enough = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
		const contrast = (a + 0.05) / (b + 0.05);
		if (contrast < enough) faults.push(`contrast ${contrast.toFixed(2)}: ${called(e)}`);
	}

	// Links within a sentence have the height of its lines.
	for (const e of document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")) {
		if (!visible(e) || getComputedStyle(e).display === "inline") continue;
		const { width, height } = e.getBoundingClientRect();
		if (width < 24 || height < 24) faults.push(`${width.toFixed(0)} by ${height.toFixed(0)} to hit: ${called(e)}`);
	}
	if (document.documentElement.scrollWidth > innerWidth) faults.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
	return faults;
})();
