/** Fastify's own names for its private parts; only those that this repository uses. */
declare module 'fastify/lib/symbols.js' {
  const symbols: { readonly kReplyHeaders: unique symbol; readonly kRouteContext: unique symbol };
  export default symbols;
}
