// In a narrow window the list of pages is above the text: closed, until it is asked for.
if (matchMedia("(max-width: 60rem)").matches) document.querySelector("nav details").open = false;
// What is wider than the page can be moved sideways, with the keys too.
for (const box of document.querySelectorAll("pre, table")) if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
