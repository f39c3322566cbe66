/**
 * A number in [0, 1) that a purchase carries by its id: chance that every replica, and every replay of the decision, throws alike.
 * `purpose` keeps two throws for one purchase independent of each other.
 */
export const fractionOf = (id: string, purpose: string): number => {
  // FNV-1a, then a final mixing (murmur3): neighbouring ids differ in few bits only.
  let hash = 0x811c9dc5;
  for (const text of [purpose, id])
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
};
