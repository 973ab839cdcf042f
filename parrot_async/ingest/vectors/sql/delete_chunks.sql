-- Removes the chunks of a document's former version.
delete from {chunks} where document = %(id)s;
