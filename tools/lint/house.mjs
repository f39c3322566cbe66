/**
 * House rules that no ready-made lint rule covers. Loaded by oxlint (.oxlintrc.json), switched on for domain/ and app/.
 */

/** `new Date()` and `Date()` read the clock as much as `Date.now()` does; `new Date(value)` only converts. */
const noCurrentDate = {
  meta: { type: 'problem', docs: { description: 'domain and app take the time as an argument or from a Clock' } },
  create: (context) => {
    const report = (node) => context.report({ node, message: 'Reads the clock: take the time as an argument, or from a Clock.' });
    const isDate = ({ type, name }) => type === 'Identifier' && name === 'Date';
    return {
      NewExpression: (node) => {
        if (isDate(node.callee) && node.arguments.length === 0) report(node);
      },
      CallExpression: (node) => {
        if (isDate(node.callee)) report(node);
      },
    };
  },
};

export default { meta: { name: 'house' }, rules: { 'no-current-date': noCurrentDate } };
