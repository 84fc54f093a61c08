/** Light or dark: as the system says, until somebody chooses; the choice is kept in this browser. */
import { effect, signal } from "@preact/signals";

type Theme = "light" | "dark";

const STORED = "dnd-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function stored(): Theme | undefined {
  try {
    const found = localStorage.getItem(STORED);
    return found === "light" || found === "dark" ? found : undefined;
  } catch {
    // A browser may forbid it: then the choice lasts as long as the page.
    return undefined;
  }
}

const chosen = signal<Theme | undefined>(stored());
const preferred = signal<Theme>(system.matches ? "dark" : "light");
system.addEventListener("change", () => {
  preferred.value = system.matches ? "dark" : "light";
});

export const theme = signal<Theme>(chosen.value ?? preferred.value);

/** Keeps the document in the present theme. */
export function applyTheme(): void {
  effect(() => {
    const next = chosen.value ?? preferred.value;
    document.documentElement.dataset["theme"] = next;
    theme.value = next;
  });
}

export function toggleTheme(): void {
  const next = theme.value === "dark" ? "light" : "dark";
  chosen.value = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // As above.
  }
}
