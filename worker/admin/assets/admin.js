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

// On a phone a filter is folded until it is wanted. What is filtered already stays to be seen.
const phone = matchMedia("(max-width: 40rem)");
const fold = () => {
	for (const filter of document.querySelectorAll("details.fold")) filter.open = !phone.matches || "used" in filter.dataset;
};
phone.addEventListener("change", fold);
fold();
