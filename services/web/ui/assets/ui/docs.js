// The interactive description of the API. Requests that it sends for a logged-in administrator carry the CSRF token.
(function () {
  'use strict';
  const place = document.getElementById('swagger');
  const csrf = place.dataset.csrf;
  window.SwaggerUIBundle({
    url: '/openapi.json',
    domNode: place,
    deepLinking: true,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    presets: [window.SwaggerUIBundle.presets.apis],
    requestInterceptor: (request) => {
      if (csrf && request.method && request.method !== 'GET') request.headers['X-CSRF-Token'] = csrf;
      return request;
    },
  });
})();
