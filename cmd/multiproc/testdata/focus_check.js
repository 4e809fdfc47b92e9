// Follows the focus from the start of the page, and returns how many times to press Tab to reach all elements.
(() => {
	const called = (e) => e.outerHTML.slice(0, 120).replace(/\s+/g, " ");
	const stops = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
		.filter((e) => !e.disabled && e.checkVisibility({ visibilityProperty: true }));
	const faults = [];
	const reached = new Set();
	let last = null;
	let round = true; // the first round
	window.scrollTo(0, 0);
	document.body.tabIndex = -1;
	document.body.focus(); // Tab starts here
	document.body.removeAttribute("tabindex");
	document.addEventListener("focusin", ({ target: now }) => {
		if (!round || now === last) return; // a part of an element, such as the month of a date
		if (reached.has(now)) {
			round = false; // the second round has begun
			return;
		}
		reached.add(now);
		if (last && !(last.compareDocumentPosition(now) & Node.DOCUMENT_POSITION_FOLLOWING)) faults.push(`it comes after a later one: ${called(now)}`);
		last = now;
		const style = getComputedStyle(now);
		if (style.outlineStyle === "none" && style.boxShadow === "none") faults.push(`one does not see that it has the focus: ${called(now)}`);
	});
	window.focusFaults = () => faults.concat(stops.filter((e) => !reached.has(e)).map((e) => `Tab does not come to it: ${called(e)}`));
	const partsOfDate = 6;
	return stops.length + partsOfDate * document.querySelectorAll("input[type=datetime-local]").length + 2;
})()
