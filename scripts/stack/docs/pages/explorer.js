// GraphiQL. It sends requests as the signed-in person.

import { apikey, currentSession, showSession } from "./session.js";

const properties = `# Ctrl-Enter runs the query. The book icon
# opens the reference of the schema.
query Properties {
  propertiesCollection(
    first: 5
    filter: { city: { eq: "Lisboa" } }
    orderBy: [{ basePrice: AscNullsLast }]
  ) {
    totalCount
    edges {
      node {
        title
        neighbourhood
        basePrice
        currency
        host { displayName }
      }
    }
  }
}
`;

const me = `# Sign in first.
query Me {
  accountsCollection {
    edges {
      node { id locale currency }
    }
  }
}
`;

async function fetcher({ query, operationName, variables }, { headers } = {}) {
  const session = currentSession();
  const response = await fetch("/graphql/v1", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      apikey,
      ...(session && { authorization: `Bearer ${session.access_token}` }),
      ...headers,
    },
    // Right after a change of tabs GraphiQL still names the operation of the other one.
    body: JSON.stringify({ query, variables, ...(query.includes(operationName) && { operationName }) }),
  });
  return response.json();
}

window.MonacoEnvironment = {
  globalAPI: false,
  getWorkerUrl: (_module, label) => `/docs/${label}.js`,
};

showSession();

// The editor is large: it loads after the header is shown.
addEventListener("load", () => {
  const headers = JSON.stringify({ apikey }, null, 2);
  window.YogaGraphiQL.renderYogaGraphiQL(document.getElementById("explorer"), {
    title: "GraphiQL",
    fetcher,
    defaultTabs: [
      { query: properties, headers },
      { query: me, headers },
    ],
    defaultHeaders: headers,
    // What the first tab held, so that GraphiQL finds that tab after a reload and opens no empty one.
    initialQuery: new URL(location.href).searchParams.get("query") ?? properties,
    initialHeaders: headers,
  });
});
