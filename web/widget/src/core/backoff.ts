/** How long to wait before the next try to connect. */

const FIRST = 500; // ms
const LONGEST = 30_000; // ms

/**
 * Milliseconds to wait before try `attempt` (0, 1, 2 …): 0.5 s, 1, 2, 4 … at most 30 s, of which a random half to the
 * whole is taken, so that a thousand pages do not come back to a restarted server in the same instant.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const whole = Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 10));
  return whole * (0.5 + random() / 2);
}
