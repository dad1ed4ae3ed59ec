// What scripts say, in the language of the page (accounts/templatetags/interface.py).
const holder = document.getElementById("words");
export const words = holder ? JSON.parse(holder.textContent) : {};
