"use strict";
// Clips play only while they are on screen: a dozen at once is heavy on a phone.
(() => {
  const clips = [...document.querySelectorAll("video")];
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (clips.length && !still && "IntersectionObserver" in window) {
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) entry.target.play().catch(() => {});
        else entry.target.pause();
      }
    }, { threshold: 0.4 });
    clips.forEach((clip) => watcher.observe(clip));
  }
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
})();
