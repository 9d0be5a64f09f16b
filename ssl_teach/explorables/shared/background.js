// Work that takes longer than a frame.

/**
 * Do jobs in the background, 8 ms at a time, so that the page can answer in between.
 * @param {() => boolean} step do one job, and return whether there are more
 * @param {() => void} done
 */
export function background(step, done) {
  let timer = 0;
  const work = () => {
    const until = performance.now() + 8;
    let more = true;
    while (more && performance.now() < until) more = step();
    timer = more ? setTimeout(work, 12) : 0;
    if (!more) done();
  };
  const start = (delay = 200) => {
    timer ||= setTimeout(work, delay);
  };
  return { start, stop: () => clearTimeout(timer) };
}
