//! The types of the rules, as their source has them: what serde makes of an event is read from there, so that the
//! catalogue costs no function a byte and no rule an attribute.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Fields, Item, Lit, Meta, Type, UseTree};

/// A module by its path in the crate, such as `policy::read`; the root is empty.
type Module = String;

/// A type, and where it is.
#[derive(Clone)]
pub struct Found {
    pub module: Module,
    pub item: Item,
}

/// The source of the rules.
pub struct Source {
    folder: PathBuf,
    modules: HashMap<Module, ModuleSource>,
}

#[derive(Default)]
struct ModuleSource {
    /// Types that are defined there.
    items: HashMap<String, Item>,
    /// Names that are used there, and from which module they come.
    used: HashMap<String, (Module, String)>,
}

impl Source {
    pub fn of_the_rules() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/domain/src");
        Self { folder, modules: HashMap::new() }
    }

    /// What a name means in a module; `None`: it isn't of the rules.
    pub fn find(&mut self, module: &str, name: &str) -> Option<Found> {
        let source = self.module(module);
        if let Some(item) = source.items.get(name) {
            return Some(Found { module: module.to_owned(), item: item.clone() });
        }
        let (from, called) = source.used.get(name)?.clone();
        (from != module).then(|| self.find(&from, &called)).flatten()
    }

    /// Whether the name comes from the module of ids, which a macro makes.
    pub fn is_id(&mut self, module: &str, name: &str) -> bool {
        self.module(module).used.get(name).is_some_and(|(from, _)| from == "id")
    }

    fn module(&mut self, module: &str) -> &ModuleSource {
        if !self.modules.contains_key(module) {
            let read = self.read(module);
            self.modules.insert(module.to_owned(), read);
        }
        &self.modules[module]
    }

    fn read(&self, module: &str) -> ModuleSource {
        let path = self.folder.join(module.replace("::", "/"));
        let file = [path.with_extension("rs"), path.join("mod.rs")];
        let file = file.iter().find(|file| file.exists());
        let file = file.unwrap_or_else(|| panic!("there is no module {module}"));
        let syntax = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        let mut source = ModuleSource::default();
        for item in syntax.items {
            match &item {
                Item::Struct(found) => _ = source.items.insert(found.ident.to_string(), item),
                Item::Enum(found) => _ = source.items.insert(found.ident.to_string(), item),
                Item::Type(found) => _ = source.items.insert(found.ident.to_string(), item),
                Item::Use(found) => used(&found.tree, &[], module, &mut source.used),
                _ => {}
            }
        }
        source
    }
}

fn used(
    tree: &UseTree,
    path: &[String],
    module: &str,
    found: &mut HashMap<String, (Module, String)>,
) {
    match tree {
        UseTree::Path(step) => {
            let path: Vec<_> = path.iter().cloned().chain([step.ident.to_string()]).collect();
            used(&step.tree, &path, module, found);
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| used(tree, path, module, found));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.extend(within(path, module).map(|from| (name.clone(), (from, name))));
        }
        UseTree::Rename(name) => {
            let from = within(path, module);
            let names = (name.rename.to_string(), name.ident.to_string());
            found.extend(from.map(|from| (names.0, (from, names.1))));
        }
        UseTree::Glob(_) => {}
    }
}

/// The module that a path leads to, if it stays within the rules.
fn within(path: &[String], module: &str) -> Option<Module> {
    match path.first().map(String::as_str) {
        Some("crate") => Some(path[1..].join("::")),
        Some("super") => {
            let above = module.rsplit_once("::").map_or("", |(above, _)| above);
            let steps = [above].into_iter().chain(path[1..].iter().map(String::as_str));
            Some(steps.filter(|step| !step.is_empty()).collect::<Vec<_>>().join("::"))
        }
        Some("self") => Some([&[module.to_owned()], &path[1..]].concat().join("::")),
        // A module of one's own, such as `read::Format`.
        Some(_) | None => None,
    }
}

/// The documentation, its paragraphs as they are.
pub fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(text) => match &text.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    let text = lines.filter_map(line).collect::<Vec<_>>().join(" ");
    // Links of the documentation lead nowhere from here.
    text.replace("[`", "`").replace("`]", "`")
}

/// What serde is told about it: `rename_all = "snake_case"`, `default`.
pub fn serde(attributes: &[Attribute]) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute
            .parse_nested_meta(|meta| {
                let name = meta.path.get_ident().unwrap().to_string();
                let value = match meta.value() {
                    Ok(value) => value.parse::<syn::LitStr>()?.value(),
                    Err(_) => String::new(),
                };
                told.insert(name, value);
                Ok(())
            })
            .unwrap();
    }
    told
}

/// A type's last name, and what it is of: `Option` and `[Money]`.
pub fn name_of(kind: &Type) -> (String, Vec<Type>) {
    match kind {
        Type::Path(path) => {
            let last = path.path.segments.last().unwrap();
            let of = match &last.arguments {
                syn::PathArguments::AngleBracketed(of) => of
                    .args
                    .iter()
                    .filter_map(|argument| match argument {
                        syn::GenericArgument::Type(kind) => Some(kind.clone()),
                        _ => None,
                    })
                    .collect(),
                _ => Vec::new(),
            };
            (last.ident.to_string(), of)
        }
        Type::Tuple(tuple) => ("(,)".to_owned(), tuple.elems.iter().cloned().collect()),
        _ => panic!("a type that no event had so far"),
    }
}

/// The one type of a variant or struct that has no names for its fields.
pub fn only(fields: &Fields) -> Option<&Type> {
    match fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            fields.unnamed.first().map(|field| &field.ty)
        }
        _ => None,
    }
}
