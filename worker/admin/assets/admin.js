// For convenience only: every page works without it.
"use strict";

// Focus what is wrong with a form.
document.querySelector(".faults")?.focus();

// Select all rows of a page at once.
const all = document.querySelector("input.all");
if (all) {
	all.hidden = false;
	all.addEventListener("change", () => {
		for (const box of document.getElementsByName(all.dataset.marks)) box.checked = all.checked;
	});
}

// On a phone the filter is folded, unless it is in use.
const phone = matchMedia("(max-width: 40rem)");
const fold = () => {
	for (const filter of document.querySelectorAll("details.fold")) filter.open = !phone.matches || "used" in filter.dataset;
};
phone.addEventListener("change", fold);
fold();
