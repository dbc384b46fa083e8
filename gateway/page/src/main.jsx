// Starts GraphiQL from the page's settings: { endpoint, examples: [{ title, query, variables }],
// headers }.
//
// Nothing here reaches another host, and what is typed as a header is forgotten with the page.

import './workers.js';
import { createRoot } from 'react-dom/client';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { openOnFirstVisit, storage } from './storage.js';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

const settings = JSON.parse(document.getElementById('settings').textContent);

const endpoint = new URL(settings.endpoint, window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

const fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  subscriptionUrl: socket.href, // graphql-transport-ws; the headers become the connection's payload
  enableIncrementalDelivery: false, // then it asks for application/graphql-response+json
});

const tabs = settings.examples.map(({ title, query, variables }) => ({
  query: `# ${title}\n\n${query}`,
  variables,
}));

if (tabs.length > 0) openOnFirstVisit(tabs[0]);

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    defaultHeaders={settings.headers} // also of tabs that come back, whose own are not kept
    defaultTabs={tabs.length > 0 ? tabs : undefined}
    defaultEditorToolsVisibility="variables"
    isHeadersEditorEnabled
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
    inputValueDeprecation
    schemaDescription
    plugins={[HISTORY_PLUGIN, explorerPlugin()]}
  />,
);
