/** 1, 2, 5, 10, 20, 50 …, never more than there is: a list that is read every few minutes knows no better, and changes less often. */
export const coarse = (stock: number): number => {
  if (!Number.isFinite(stock) || stock < 1) return 0;
  const power = 10 ** Math.min(8, Math.floor(Math.log10(stock)));
  const lead = stock / power;
  return power * (lead >= 5 ? 5 : lead >= 2 ? 2 : 1);
};
