BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0012');
CREATE TABLE check_state (
	id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	stamp VARCHAR(64) NOT NULL, 
	judged_by VARCHAR(64) NOT NULL, 
	settled VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_check_state PRIMARY KEY (id)
);
INSERT INTO "check_state" VALUES(1,4,'ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss','jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj','eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee');
CREATE TABLE checked (
	image_id INTEGER NOT NULL, 
	stamp VARCHAR(64) NOT NULL, 
	revision INTEGER NOT NULL, 
	evidence JSON NOT NULL, 
	CONSTRAINT pk_checked PRIMARY KEY (image_id), 
	CONSTRAINT fk_checked_image_id_images FOREIGN KEY(image_id) REFERENCES images (id)
);
INSERT INTO "checked" VALUES(1,'ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss',4,'{"read": false}');
CREATE TABLE checked_cases (
	"key" TEXT NOT NULL, 
	sku TEXT NOT NULL, 
	against_sku TEXT NOT NULL, 
	found JSON NOT NULL, 
	CONSTRAINT pk_checked_cases PRIMARY KEY ("key")
);
INSERT INTO "checked_cases" VALUES('photo|IBU-400|x','IBU-400','','{"kind": "odd-photo"}');
CREATE TABLE checked_pairs (
	image_id INTEGER NOT NULL, 
	other_id INTEGER NOT NULL, 
	CONSTRAINT pk_checked_pairs PRIMARY KEY (image_id, other_id), 
	CONSTRAINT fk_checked_pairs_image_id_images FOREIGN KEY(image_id) REFERENCES images (id), 
	CONSTRAINT fk_checked_pairs_other_id_images FOREIGN KEY(other_id) REFERENCES images (id)
);
INSERT INTO "checked_pairs" VALUES(1,2);
CREATE TABLE codes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" TEXT NOT NULL, 
	product_id INTEGER NOT NULL, 
	image_id INTEGER, 
	CONSTRAINT fk_codes_product_id_products FOREIGN KEY(product_id) REFERENCES products (id), 
	CONSTRAINT fk_codes_image_id_images FOREIGN KEY(image_id) REFERENCES images (id)
);
INSERT INTO "codes" VALUES(1,'gtin:3600029145',1,1);
CREATE TABLE corrections (
	doubt_id INTEGER NOT NULL, 
	action VARCHAR(16) NOT NULL, 
	sku TEXT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	to_sku TEXT NOT NULL, 
	"before" JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_corrections PRIMARY KEY (doubt_id), 
	CONSTRAINT ck_corrections_action CHECK (action IN ('move', 'merge', 'leave-out')), 
	CONSTRAINT fk_corrections_doubt_id_doubts FOREIGN KEY(doubt_id) REFERENCES doubts (id)
);
INSERT INTO "corrections" VALUES(1,'move','IBU-400','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','PARA-Ä','{"images": [], "from": "IBU-400", "products": []}','2026-01-02 03:04:05.000000');
CREATE TABLE counts (
	kind VARCHAR(16) NOT NULL, 
	name TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	block INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	ids BIGINT NOT NULL, 
	mixed BIGINT NOT NULL, 
	CONSTRAINT pk_counts PRIMARY KEY (kind, name, state, block)
)
 WITHOUT ROWID

;
INSERT INTO "counts" VALUES('descriptor','1','ok',0,3,0,0);
INSERT INTO "counts" VALUES('descriptor','2','ok',0,3,0,0);
INSERT INTO "counts" VALUES('descriptor','3','ok',0,1,0,0);
INSERT INTO "counts" VALUES('image','/data/shelf.csv','ok',0,3,7,5696148454);
INSERT INTO "counts" VALUES('image','/data/shelf.csv','refused',0,1,5,387276932);
INSERT INTO "counts" VALUES('image','/data/shelf.csv','retired',0,1,3,3668339992);
INSERT INTO "counts" VALUES('product','','',0,2,0,0);
CREATE TABLE decision_reviews (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	decision_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	verdict VARCHAR(16) NOT NULL, 
	sku TEXT, 
	note TEXT NOT NULL, said_by TEXT, 
	CONSTRAINT ck_decision_reviews_verdict CHECK (verdict IN ('confirmed', 'corrected')), 
	CONSTRAINT fk_decision_reviews_decision_id_decisions FOREIGN KEY(decision_id) REFERENCES decisions (id), 
	CONSTRAINT uq_decision_reviews_decision_id UNIQUE (decision_id)
);
INSERT INTO "decision_reviews" VALUES(1,1,'2026-01-02 03:04:05.000000','corrected','PARA-Ä','the back says so','Ärztin');
CREATE TABLE decisions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	created_at DATETIME NOT NULL, 
	"query" TEXT NOT NULL, 
	query_sha256 VARCHAR(64) NOT NULL, 
	generation VARCHAR(64) NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	sku TEXT, 
	probability FLOAT NOT NULL, 
	evidence JSON NOT NULL
);
INSERT INTO "decisions" VALUES(1,'2026-01-02 03:04:05.000000','q.jpg','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','g000001','match','IBU-400',0.98,'{"fingerprints": {"phash": "phash-0123456789abcdef"}, "reason": "98 % sure", "hits": [{"sku": "IBU-400", "image_id": 1, "probability": 0.98}, {"sku": "PARA-\u00c4", "image_id": 4, "probability": 0.1}]}');
INSERT INTO "decisions" VALUES(2,'2026-01-02 03:04:05.000000','-','eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','none','unknown',NULL,0.0,'{"hits": []}');
CREATE TABLE descriptors (
	method_id INTEGER NOT NULL, 
	image_id INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_descriptors PRIMARY KEY (method_id, image_id), 
	CONSTRAINT fk_descriptors_image_id_images FOREIGN KEY(image_id) REFERENCES images (id), 
	CONSTRAINT fk_descriptors_method_id_methods FOREIGN KEY(method_id) REFERENCES methods (id)
);
INSERT INTO "descriptors" VALUES(1,1,X'0101010101010101');
INSERT INTO "descriptors" VALUES(2,1,X'0000803F000000000000000000000000');
INSERT INTO "descriptors" VALUES(1,2,X'0202020202020202');
INSERT INTO "descriptors" VALUES(2,2,X'0000803F000000000000000000000000');
INSERT INTO "descriptors" VALUES(1,3,X'0303030303030303');
INSERT INTO "descriptors" VALUES(2,3,X'0000803F000000000000000000000000');
INSERT INTO "descriptors" VALUES(1,4,X'0404040404040404');
INSERT INTO "descriptors" VALUES(2,4,X'0000803F000000000000000000000000');
INSERT INTO "descriptors" VALUES(3,1,X'52');
CREATE TABLE doubts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" TEXT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	sku TEXT NOT NULL, 
	against_sku TEXT NOT NULL, 
	probability FLOAT NOT NULL, 
	found JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	standing BOOLEAN NOT NULL, 
	verdict VARCHAR(16), 
	note TEXT NOT NULL, 
	said_by TEXT, 
	said_at DATETIME, 
	CONSTRAINT ck_doubts_verdict CHECK (verdict IN ('accepted', 'dismissed')), 
	CONSTRAINT uq_doubts_key UNIQUE ("key")
);
INSERT INTO "doubts" VALUES(1,'photo|IBU-400|x','other-product','IBU-400','PARA-Ä',0.97,'{"reason": "fits", "action": "move", "to_sku": "PARA-\u00c4", "field": "", "photo": [1, "IBU-400", "a.jpg", "/data/a.jpg", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], "against": null, "clashes": []}','2026-01-02 03:04:05.000000',0,'accepted','seen','anna','2026-01-02 03:04:05.000000');
INSERT INTO "doubts" VALUES(2,'photo|IBU-400|y','odd-photo','IBU-400','',0.6,'{"reason": "fits", "action": "move", "to_sku": "PARA-\u00c4", "field": "", "photo": [1, "IBU-400", "a.jpg", "/data/a.jpg", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"], "against": null, "clashes": []}','2026-01-02 03:04:05.000000',1,NULL,'',NULL,NULL);
CREATE TABLE generations (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	images INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	audit JSON NOT NULL, 
	CONSTRAINT uq_generations_name UNIQUE (name)
);
INSERT INTO "generations" VALUES(1,'g000001','2026-01-02 03:04:05.000000',3,'built','{"passed": true, "digest": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"}');
INSERT INTO "generations" VALUES(2,'g000002','2026-01-02 03:04:05.000000',3,'failed','{"passed": false}');
CREATE TABLE images (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	product_id INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	image TEXT NOT NULL, 
	path TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	mtime_ns BIGINT NOT NULL, 
	sha256 VARCHAR(64), 
	width INTEGER, 
	height INTEGER, 
	surface VARCHAR(16) NOT NULL, 
	surface_probability FLOAT, 
	verdict VARCHAR(16) NOT NULL, 
	reason_code VARCHAR(32), 
	reason TEXT, 
	added_at DATETIME NOT NULL, 
	retired_at DATETIME, 
	described_revision INTEGER NOT NULL, 
	retired_revision INTEGER, ctime_ns BIGINT, inode BIGINT, read_revision INTEGER, filed_sku TEXT, 
	CONSTRAINT ck_images_verdict CHECK (verdict IN ('ok', 'refused')), 
	CONSTRAINT fk_images_product_id_products FOREIGN KEY(product_id) REFERENCES products (id)
);
INSERT INTO "images" VALUES(1,1,'/data/shelf.csv','a.jpg','/data/a.jpg',1000,17,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',640,480,'front',NULL,'ok',NULL,NULL,'2026-01-02 03:04:05.000000',NULL,1,NULL,1767323045000000001,4294967297,3,NULL);
INSERT INTO "images" VALUES(2,1,'/data/shelf.csv','b.jpg','/data/b.jpg',1000,17,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',640,480,'back',0.93,'ok',NULL,NULL,'2026-01-02 03:04:05.000000',NULL,1,NULL,1767323045000000002,4294967298,NULL,NULL);
INSERT INTO "images" VALUES(3,2,'/data/shelf.csv','c.jpg','/data/c.jpg',1000,17,'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',640,480,'front',NULL,'ok',NULL,NULL,'2026-01-02 03:04:05.000000','2026-01-02 03:04:05.000000',2,3,NULL,NULL,NULL,NULL);
INSERT INTO "images" VALUES(4,2,'/data/shelf.csv','d.jpg','/data/d.jpg',1000,17,'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd',640,480,'front',NULL,'ok',NULL,NULL,'2026-01-02 03:04:05.000000',NULL,4,NULL,1767323045000000004,4294967300,NULL,NULL);
INSERT INTO "images" VALUES(5,2,'/data/shelf.csv','e.jpg','/data/e.jpg',1000,17,NULL,NULL,NULL,'front',NULL,'refused','truncated','/data/e.jpg: ends','2026-01-02 03:04:05.000000',NULL,1,NULL,1767323045000000005,4294967301,NULL,NULL);
CREATE TABLE methods (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	fingerprint VARCHAR(128) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	CONSTRAINT uq_methods_fingerprint UNIQUE (fingerprint)
);
INSERT INTO "methods" VALUES(1,'phash-0123456789abcdef','phash');
INSERT INTO "methods" VALUES(2,'siamese-0123456789abcdef','siamese');
INSERT INTO "methods" VALUES(3,'reading-0123456789abcdef','reading');
CREATE TABLE pair_reviews (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	created_at DATETIME NOT NULL, 
	sku_a TEXT NOT NULL, 
	sha256_a VARCHAR(64) NOT NULL, 
	sku_b TEXT NOT NULL, 
	sha256_b VARCHAR(64) NOT NULL, 
	verdict VARCHAR(16) NOT NULL, 
	note TEXT NOT NULL, said_by TEXT, 
	CONSTRAINT ck_pair_reviews_verdict CHECK (verdict IN ('confirmed', 'dismissed')), 
	CONSTRAINT uq_pair_reviews_pair UNIQUE (sku_a, sha256_a, sku_b, sha256_b)
);
INSERT INTO "pair_reviews" VALUES(1,'2026-01-02 03:04:05.000000','IBU-400','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','PARA-Ä','','dismissed','other drug','anna');
CREATE TABLE products (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sku TEXT NOT NULL, 
	name TEXT NOT NULL, 
	strength TEXT NOT NULL, 
	form TEXT NOT NULL, 
	manufacturer TEXT NOT NULL, 
	attributes JSON NOT NULL, changed_revision INTEGER, 
	CONSTRAINT uq_products_sku UNIQUE (sku)
);
INSERT INTO "products" VALUES(1,'IBU-400','Ibuprofen','400 mg','tablet','Meridian','{"atc": "M01AE01"}',3);
INSERT INTO "products" VALUES(2,'PARA-Ä','Paracetamol 💊','500 mg','','','{}',NULL);
CREATE TABLE refusals (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	source TEXT NOT NULL, 
	location TEXT NOT NULL, 
	code VARCHAR(32) NOT NULL, 
	message TEXT NOT NULL
);
INSERT INTO "refusals" VALUES(1,'/data/shelf.csv','line 7','bad_row','line 7: no SKU');
CREATE TABLE shared_files (
	generation VARCHAR(64) NOT NULL, 
	file VARCHAR(64) NOT NULL, 
	part INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_shared_files PRIMARY KEY (generation, file, part), 
	CONSTRAINT fk_shared_files_generation_shared_generations FOREIGN KEY(generation) REFERENCES shared_generations (name)
);
CREATE TABLE shared_generations (
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	collections JSON NOT NULL, 
	manifest TEXT NOT NULL, 
	CONSTRAINT pk_shared_generations PRIMARY KEY (name), 
	CONSTRAINT ck_shared_generations_state CHECK (state IN ('building', 'built', 'leaving'))
);
CREATE TABLE shared_pointer (
	id INTEGER NOT NULL, 
	generation VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_shared_pointer PRIMARY KEY (id), 
	CONSTRAINT fk_shared_pointer_generation_shared_generations FOREIGN KEY(generation) REFERENCES shared_generations (name)
);
CREATE TABLE state (
	id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_state PRIMARY KEY (id)
);
INSERT INTO "state" VALUES(1,4);
CREATE INDEX ix_images_product_id ON images (product_id);
CREATE INDEX ix_images_source ON images (source);
CREATE INDEX ix_images_sha256 ON images (sha256);
CREATE INDEX ix_images_retired_revision ON images (retired_revision);
CREATE UNIQUE INDEX uq_images_active ON images (product_id, path) WHERE retired_at IS NULL;
CREATE INDEX ix_refusals_source ON refusals (source);
CREATE INDEX ix_descriptors_image_id ON descriptors (image_id);
CREATE INDEX ix_decisions_created_at ON decisions (created_at);
CREATE INDEX ix_decisions_query_sha256 ON decisions (query_sha256);
CREATE INDEX ix_images_read_revision ON images (read_revision);
CREATE INDEX ix_products_changed_revision ON products (changed_revision);
CREATE INDEX ix_codes_key ON codes ("key");
CREATE INDEX ix_codes_product_id ON codes (product_id);
CREATE INDEX ix_codes_image_id ON codes (image_id);
CREATE INDEX ix_images_filed_sku ON images (filed_sku);
CREATE INDEX ix_doubts_sku ON doubts (sku);
CREATE INDEX ix_corrections_sku ON corrections (sku);
CREATE INDEX ix_checked_revision ON checked (revision);
CREATE INDEX ix_checked_pairs_other_id ON checked_pairs (other_id);
CREATE INDEX ix_checked_cases_sku ON checked_cases (sku);
CREATE INDEX ix_checked_cases_against_sku ON checked_cases (against_sku);
CREATE INDEX ix_images_usable ON images (described_revision, retired_revision, retired_at, verdict, product_id);
CREATE TRIGGER count_image_in AFTER INSERT ON images BEGIN INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'image', NEW.source, CASE WHEN NEW.retired_at IS NOT NULL THEN 'retired' WHEN NEW.verdict <> 'ok' THEN 'refused' WHEN NEW.surface = 'pills' AND COALESCE(NEW.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, NEW.id / 4096, 1, 1 * NEW.id, 1 * ((CAST(NEW.id AS BIGINT) * 2654435761) % 4294967291) WHERE true ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'product', '', '', 0, 1, 0, 0 WHERE NEW.retired_at IS NULL AND NOT EXISTS (SELECT 1 FROM images i WHERE i.product_id = NEW.product_id AND i.retired_at IS NULL AND i.id <> NEW.id) ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; END;
CREATE TRIGGER count_image_out AFTER DELETE ON images BEGIN INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'image', OLD.source, CASE WHEN OLD.retired_at IS NOT NULL THEN 'retired' WHEN OLD.verdict <> 'ok' THEN 'refused' WHEN OLD.surface = 'pills' AND COALESCE(OLD.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, OLD.id / 4096, -1, -1 * OLD.id, -1 * ((CAST(OLD.id AS BIGINT) * 2654435761) % 4294967291) WHERE true ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; DELETE FROM counts WHERE kind = 'image' AND name IN (OLD.source) AND state = CASE WHEN OLD.retired_at IS NOT NULL THEN 'retired' WHEN OLD.verdict <> 'ok' THEN 'refused' WHEN OLD.surface = 'pills' AND COALESCE(OLD.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END AND block = OLD.id / 4096 AND number = 0; INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'product', '', '', 0, -1, 0, 0 WHERE OLD.retired_at IS NULL AND NOT EXISTS (SELECT 1 FROM images i WHERE i.product_id = OLD.product_id AND i.retired_at IS NULL AND i.id <> OLD.id) ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; DELETE FROM counts WHERE kind = 'product' AND name IN ('') AND state = '' AND block = 0 / 4096 AND number = 0; END;
CREATE TRIGGER count_image_turned AFTER UPDATE OF id, source, retired_at, verdict, surface, surface_probability ON images WHEN NEW.id <> OLD.id OR NEW.source <> OLD.source OR CASE WHEN OLD.retired_at IS NOT NULL THEN 'retired' WHEN OLD.verdict <> 'ok' THEN 'refused' WHEN OLD.surface = 'pills' AND COALESCE(OLD.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END <> CASE WHEN NEW.retired_at IS NOT NULL THEN 'retired' WHEN NEW.verdict <> 'ok' THEN 'refused' WHEN NEW.surface = 'pills' AND COALESCE(NEW.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END BEGIN INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'image', OLD.source, CASE WHEN OLD.retired_at IS NOT NULL THEN 'retired' WHEN OLD.verdict <> 'ok' THEN 'refused' WHEN OLD.surface = 'pills' AND COALESCE(OLD.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, OLD.id / 4096, -1, -1 * OLD.id, -1 * ((CAST(OLD.id AS BIGINT) * 2654435761) % 4294967291) WHERE true ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; DELETE FROM counts WHERE kind = 'image' AND name IN (OLD.source) AND state = CASE WHEN OLD.retired_at IS NOT NULL THEN 'retired' WHEN OLD.verdict <> 'ok' THEN 'refused' WHEN OLD.surface = 'pills' AND COALESCE(OLD.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END AND block = OLD.id / 4096 AND number = 0; INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'image', NEW.source, CASE WHEN NEW.retired_at IS NOT NULL THEN 'retired' WHEN NEW.verdict <> 'ok' THEN 'refused' WHEN NEW.surface = 'pills' AND COALESCE(NEW.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, NEW.id / 4096, 1, 1 * NEW.id, 1 * ((CAST(NEW.id AS BIGINT) * 2654435761) % 4294967291) WHERE true ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; END;
CREATE TRIGGER count_descriptors_turned AFTER UPDATE OF retired_at, verdict, surface, surface_probability ON images WHEN CASE WHEN OLD.retired_at IS NOT NULL THEN 'retired' WHEN OLD.verdict <> 'ok' THEN 'refused' WHEN OLD.surface = 'pills' AND COALESCE(OLD.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END <> CASE WHEN NEW.retired_at IS NOT NULL THEN 'retired' WHEN NEW.verdict <> 'ok' THEN 'refused' WHEN NEW.surface = 'pills' AND COALESCE(NEW.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END BEGIN INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'descriptor', CAST(d.method_id AS TEXT), CASE WHEN OLD.retired_at IS NOT NULL THEN 'retired' WHEN OLD.verdict <> 'ok' THEN 'refused' WHEN OLD.surface = 'pills' AND COALESCE(OLD.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, OLD.id / 4096, -1, 0, 0 FROM descriptors d WHERE d.image_id = OLD.id AND OLD.retired_at IS NULL AND OLD.verdict = 'ok' ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; DELETE FROM counts WHERE kind = 'descriptor' AND name IN (SELECT CAST(d.method_id AS TEXT) FROM descriptors d WHERE d.image_id = OLD.id) AND state = CASE WHEN OLD.retired_at IS NOT NULL THEN 'retired' WHEN OLD.verdict <> 'ok' THEN 'refused' WHEN OLD.surface = 'pills' AND COALESCE(OLD.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END AND block = OLD.id / 4096 AND number = 0; INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'descriptor', CAST(d.method_id AS TEXT), CASE WHEN NEW.retired_at IS NOT NULL THEN 'retired' WHEN NEW.verdict <> 'ok' THEN 'refused' WHEN NEW.surface = 'pills' AND COALESCE(NEW.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, NEW.id / 4096, 1, 0, 0 FROM descriptors d WHERE d.image_id = NEW.id AND NEW.retired_at IS NULL AND NEW.verdict = 'ok' ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; END;
CREATE TRIGGER count_product_moved AFTER UPDATE OF product_id, retired_at ON images WHEN NEW.product_id <> OLD.product_id OR (NEW.retired_at IS NULL) <> (OLD.retired_at IS NULL) BEGIN INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'product', '', '', 0, -1, 0, 0 WHERE OLD.retired_at IS NULL AND NOT EXISTS (SELECT 1 FROM images i WHERE i.product_id = OLD.product_id AND i.retired_at IS NULL AND i.id <> OLD.id) ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'product', '', '', 0, 1, 0, 0 WHERE NEW.retired_at IS NULL AND NOT EXISTS (SELECT 1 FROM images i WHERE i.product_id = NEW.product_id AND i.retired_at IS NULL AND i.id <> NEW.id) ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; DELETE FROM counts WHERE kind = 'product' AND name IN ('') AND state = '' AND block = 0 / 4096 AND number = 0; END;
CREATE TRIGGER count_descriptor_in AFTER INSERT ON descriptors BEGIN INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'descriptor', CAST(NEW.method_id AS TEXT), CASE WHEN i.retired_at IS NOT NULL THEN 'retired' WHEN i.verdict <> 'ok' THEN 'refused' WHEN i.surface = 'pills' AND COALESCE(i.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, i.id / 4096, 1, 0, 0 FROM images i WHERE i.id = NEW.image_id AND i.retired_at IS NULL AND i.verdict = 'ok' ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; END;
CREATE TRIGGER count_descriptor_out AFTER DELETE ON descriptors BEGIN INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'descriptor', CAST(OLD.method_id AS TEXT), CASE WHEN i.retired_at IS NOT NULL THEN 'retired' WHEN i.verdict <> 'ok' THEN 'refused' WHEN i.surface = 'pills' AND COALESCE(i.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, i.id / 4096, -1, 0, 0 FROM images i WHERE i.id = OLD.image_id AND i.retired_at IS NULL AND i.verdict = 'ok' ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; DELETE FROM counts WHERE kind = 'descriptor' AND name IN (CAST(OLD.method_id AS TEXT)) AND state = (SELECT CASE WHEN i.retired_at IS NOT NULL THEN 'retired' WHEN i.verdict <> 'ok' THEN 'refused' WHEN i.surface = 'pills' AND COALESCE(i.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END FROM images i WHERE i.id = OLD.image_id) AND block = OLD.image_id / 4096 AND number = 0; END;
CREATE TRIGGER count_descriptor_moved AFTER UPDATE OF method_id, image_id ON descriptors BEGIN INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'descriptor', CAST(OLD.method_id AS TEXT), CASE WHEN i.retired_at IS NOT NULL THEN 'retired' WHEN i.verdict <> 'ok' THEN 'refused' WHEN i.surface = 'pills' AND COALESCE(i.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, i.id / 4096, -1, 0, 0 FROM images i WHERE i.id = OLD.image_id AND i.retired_at IS NULL AND i.verdict = 'ok' ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; DELETE FROM counts WHERE kind = 'descriptor' AND name IN (CAST(OLD.method_id AS TEXT)) AND state = (SELECT CASE WHEN i.retired_at IS NOT NULL THEN 'retired' WHEN i.verdict <> 'ok' THEN 'refused' WHEN i.surface = 'pills' AND COALESCE(i.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END FROM images i WHERE i.id = OLD.image_id) AND block = OLD.image_id / 4096 AND number = 0; INSERT INTO counts (kind, name, state, block, number, ids, mixed) SELECT 'descriptor', CAST(NEW.method_id AS TEXT), CASE WHEN i.retired_at IS NOT NULL THEN 'retired' WHEN i.verdict <> 'ok' THEN 'refused' WHEN i.surface = 'pills' AND COALESCE(i.surface_probability, 1.0) >= 0.5 THEN 'pills' ELSE 'ok' END, i.id / 4096, 1, 0, 0 FROM images i WHERE i.id = NEW.image_id AND i.retired_at IS NULL AND i.verdict = 'ok' ON CONFLICT (kind, name, state, block) DO UPDATE SET number = counts.number + excluded.number, ids = counts.ids + excluded.ids, mixed = counts.mixed + excluded.mixed; END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('products',2);
INSERT INTO "sqlite_sequence" VALUES('images',5);
INSERT INTO "sqlite_sequence" VALUES('methods',3);
INSERT INTO "sqlite_sequence" VALUES('refusals',1);
INSERT INTO "sqlite_sequence" VALUES('generations',2);
INSERT INTO "sqlite_sequence" VALUES('decisions',2);
INSERT INTO "sqlite_sequence" VALUES('pair_reviews',1);
INSERT INTO "sqlite_sequence" VALUES('decision_reviews',1);
INSERT INTO "sqlite_sequence" VALUES('codes',1);
INSERT INTO "sqlite_sequence" VALUES('doubts',2);
COMMIT;
