-- The owner of the database, and the roles of the stages; run at every start by a superuser, and the same each time.
SELECT 'CREATE ROLE postrider LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postrider') \gexec
ALTER DATABASE postrider OWNER TO postrider;
\i /etc/postrider/stages.sql
\i /run/secrets/passwords.sql
