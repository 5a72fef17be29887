// Names what Django's forms leave without a name: fields in tables, whose column says what they are, and choices that
// are searched. A screen reader says it.
"use strict";

(() => {
  const FIELDS = "input:not([type=hidden]), select, textarea, .select2-selection, .select2-selection__rendered";
  const words = (element) => (element ? element.textContent.trim() : "");

  function columnOf(field) {
    const cell = field.closest(".tabular td");
    const table = cell && cell.closest("table");
    return table && table.tHead ? words(table.tHead.rows[0].cells[cell.cellIndex]) : "";
  }

  function labelOf(field) {
    const searched = field.closest(".select2");
    const select = searched && searched.parentElement.querySelector("select");
    return select && select.labels.length ? words(select.labels[0]) : "";
  }

  function nameAll() {
    for (const head of document.querySelectorAll(".tabular th.original")) {
      const cell = document.createElement("td"); // over no column of its own
      cell.className = head.className;
      head.replaceWith(cell);
    }
    for (const field of document.querySelectorAll(FIELDS)) {
      const name = columnOf(field) || labelOf(field);
      if (name && !(field.labels && field.labels.length)) field.setAttribute("aria-label", name);
    }
  }

  if (window.django && django.jQuery) django.jQuery(nameAll); // after Django's own, which make searched choices
  document.addEventListener("formset:added", () => setTimeout(nameAll));
})();
