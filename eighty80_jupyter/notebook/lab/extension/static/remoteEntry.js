// What JupyterLab asks for an extension: a container of webpack's module federation, by hand.
// Where a module is missing or has another shape there are fewer plugins, and nothing else happens.
{
	const here = document.currentScript.src, name = "eighty80-jupyter";
	let shared;
	const load = async name => {
		const versions = Object.values(shared[name]);
		return (await (versions.find(each => each.loaded) ?? versions.at(-1)).get())();
	};
	const use = async (...names) => Object.assign({}, ...await Promise.all(names.map(load)));
	const plugin = async part => {
		try {
			const { default: make } = await import(new URL(`${part}.js`, here));
			return { id: `${name}:${part}`, autoStart: true, ...await make(use) };
		} catch (error) {
			console.debug(`${name}: no ${part} here`, error);
		}
	};
	(window._JUPYTERLAB ??= {})[name] = {
		init: modules => { shared = modules; },
		get: async () => {
			const plugins = await Promise.all(["prompts", "commands"].map(plugin));
			return () => ({ __esModule: true, default: plugins.filter(Boolean) });
		},
	};
}
