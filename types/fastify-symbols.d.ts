/** Fastify's own names for its private parts; only the one that this repository uses. */
declare module 'fastify/lib/symbols.js' {
  const symbols: { readonly kReplyHeaders: unique symbol };
  export default symbols;
}
