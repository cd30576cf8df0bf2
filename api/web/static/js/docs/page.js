// The page that documents the API: shows what /openapi.json says, with Swagger UI.

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  displayRequestDuration: true,
  // the public validator is another server
  validatorUrl: null,
});
