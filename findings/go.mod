module findings // keeps go commands of the main module out of this folder
