const z = 1.96;

/** 95% interval of a share (Wilson): honest with few observations and near the ends. */
export const wilson = (yes: number, no: number): { readonly low: number; readonly high: number } => {
  const total = yes + no;
  if (total <= 0) return { low: 0, high: 1 };
  const share = yes / total;
  const middle = (share + (z * z) / (2 * total)) / (1 + (z * z) / total);
  const half = (z / (1 + (z * z) / total)) * Math.sqrt((share * (1 - share)) / total + (z * z) / (4 * total * total));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
};
