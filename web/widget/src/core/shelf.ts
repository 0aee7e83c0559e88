/** Where the browser keeps small values for us, and memory where it refuses to. */

export interface Shelf {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
}

/** What we need of `localStorage` and `sessionStorage`. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/**
 * A shelf over the store that `open` gives. Opening, reading or writing may be refused (private windows, blocked
 * cookies, a sandboxed frame, a full quota): what cannot be stored is then kept for as long as the page lives.
 */
export function shelf(open: () => Store): Shelf {
  const memory = new Map<string, string>();
  const attempt = <T>(use: (store: Store) => T): T | undefined => {
    try {
      return use(open());
    } catch {
      return undefined;
    }
  };
  return {
    get: (key) => memory.get(key) ?? attempt((store) => store.getItem(key)) ?? null,
    set: (key, value) => {
      const stored = attempt((store) => (store.setItem(key, value), true));
      if (stored) memory.delete(key);
      else memory.set(key, value);
    },
    remove: (key) => {
      memory.delete(key);
      attempt((store) => store.removeItem(key));
    },
  };
}
