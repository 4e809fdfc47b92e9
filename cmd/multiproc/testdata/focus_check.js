// Watches where the focus goes, from the start of the page on, and says how many times to press Tab to come through all of it.
(() => {
	const called = (e) => e.outerHTML.slice(0, 120).replace(/\s+/g, " ");
	const stops = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
		.filter((e) => !e.disabled && e.checkVisibility({ visibilityProperty: true }));
	const faults = [];
	const reached = new Set();
	let last = null;
	let round = true; // the first one
	window.scrollTo(0, 0);
	document.body.tabIndex = -1;
	document.body.focus(); // from where Tab goes on
	document.body.removeAttribute("tabindex");
	document.addEventListener("focusin", ({ target: now }) => {
		if (!round || now === last) return; // one of its parts: of a date, the month
		if (reached.has(now)) {
			round = false; // it has begun again
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
