// What GraphiQL keeps in the browser between visits: operations and variables, never a header.
//
// The keys are those of the pinned GraphiQL. Its `shouldPersistHeaders` does not cover the history.

const HISTORY = new Set(['graphiql:queries', 'graphiql:favorites']);

export const storage = {
  getItem: key => localStorage.getItem(key),
  setItem: (key, value) => localStorage.setItem(key, HISTORY.has(key) ? headless(value) : value),
  removeItem: key => localStorage.removeItem(key),
  clear: () => own().forEach(key => localStorage.removeItem(key)),
  get length() {
    return own().length;
  },
};

// GraphiQL fills its variables editor from here alone, so the first tab's must stand here too.
export function openOnFirstVisit({ query, variables }) {
  if (storage.getItem('graphiql:tabState') === null) {
    storage.setItem('graphiql:query', query);
    storage.setItem('graphiql:variables', variables);
  }
}

function headless(history) {
  return JSON.stringify(JSON.parse(history), (key, value) =>
    key === 'headers' ? undefined : value,
  );
}

function own() {
  return Object.keys(localStorage).filter(key => key.startsWith('graphiql:'));
}
