// All of it is for convenience: every page works without.
"use strict";

// What is wrong with a form is where the reader is led first.
document.querySelector(".faults")?.focus();

// Marks all rows of a page at once.
const all = document.querySelector("input.all");
if (all) {
	all.hidden = false;
	all.addEventListener("change", () => {
		for (const box of document.getElementsByName(all.dataset.marks)) box.checked = all.checked;
	});
}
