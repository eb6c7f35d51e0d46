/** What the race says while it runs: a line a round, and how long it still takes. */
const PROCESS_S = 0.25; // starting the load generator

export function startProgress(plan) {
  const begun = performance.now();
  const total = plan.reduce((sum, { seconds }) => sum + seconds + PROCESS_S, 0);
  let done = 0;
  return {
    total,
    /** A run of `seconds` is over. */
    ran: (seconds) => (done += seconds + PROCESS_S),
    left() {
      const elapsed = (performance.now() - begun) / 1000;
      const pace = done < total * 0.02 ? 1 : elapsed / done; // too early to tell
      return Math.max(0, (total - done) * pace);
    },
    line(text) {
      const left = this.left();
      console.log(`${text} · ${left < 90 ? `${Math.ceil(left)} s` : `${Math.round(left / 60)} min`} left`);
    },
  };
}
